"""Pre-training checkpoints: which method made them, with which settings, and the model inside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from torch import nn

from hcmoco_bench.errors import DataError
from hcmoco_bench.models.weights import load_weights
from hcmoco_bench.pretrain.method import Method
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.runtime.settings import validated
from hcmoco_bench.training.checkpoint import load_checkpoint

KIND: Final = "pretrain"

_FORMERLY_SHARED: Final = frozenset({"weights", "dense", "points", "negatives", "bank_momentum"})
"""Settings that versions before 0.2 wrote for every method, whether it used them or not."""


@dataclass(frozen=True)
class Pretrained:
    """A pre-training as it lies in a checkpoint.

    Attributes:
        method: The method that made it.
        settings: Settings of its run.
        model: The networks with the checkpoint's weights.
    """

    method: Method
    settings: Any
    model: nn.Module


def load_pretrained(path: Path, *, method: Method | None = None) -> Pretrained:
    """Settings and model of a pre-training checkpoint.

    Args:
        path: The `.pth` file.
        method: The method that made it; None for the registered one of that name.

    Raises:
        DataError: If the file is missing, damaged, foreign, or not of a pre-training.
        UsageError: If its method is not installed.
    """
    state = load_checkpoint(path)
    if state["kind"] != KIND:
        raise DataError(f"{path}: a checkpoint of kind {state['kind']!r}, not of a pre-training", file=str(path))
    settings = saved_settings(state["config"], str(path), method=method)
    made_by = method or get_method(settings.method)
    model = made_by.build_model(settings, fresh=False)
    load_weights(model, state["model"], file=str(path))
    return Pretrained(made_by, settings, model)


def saved_settings(values: Mapping[str, Any], source: str, *, method: Method | None = None) -> PretrainSettings:
    """Settings as a checkpoint or a run's `config.json` holds them, also those of earlier versions.

    Args:
        values: The saved values.
        source: Where they are from, for messages.
        method: The method that they are of; None for the registered one that they name.

    Raises:
        UsageError: If the method is not installed, or the settings are not its own.
    """
    model = (method or get_method(str(values.get("method", "")))).settings
    known = {
        name: value for name, value in values.items() if name in model.model_fields or name not in _FORMERLY_SHARED
    }
    return validated(model, known, source)
