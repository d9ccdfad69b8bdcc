"""What a task's training starts from: a pre-training of this tool, another program's checkpoint, or first weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.first_weights import NO_FILES
from hcmoco_bench.models.foreign.registry import backbone_in
from hcmoco_bench.pretrain.checkpoints import saved_settings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint, open_checkpoint


def pretrained_settings(path: Path) -> PretrainSettings | ForeignCheckpoint:
    """Settings of a pre-training checkpoint, or the checkpoint of another program, whose settings are not known.

    Raises:
        DataError: If it is missing, damaged, or no checkpoint.
        UsageError: If it is a fine-tuned model.
    """
    state = open_checkpoint(path)
    return state if isinstance(state, ForeignCheckpoint) else _settings_of(state, path)


def pretrained_backbone(path: Path, modality: Modality) -> str | None:
    """Name of the encoder of a modality in a checkpoint; None if its tensors, which alone can tell, do not.

    Raises:
        DataError: If the checkpoint cannot be used; see `pretrained_settings`.
        UsageError: If it is a fine-tuned model, or its method trains no encoder of the modality.
    """
    settings = pretrained_settings(path)
    if isinstance(settings, ForeignCheckpoint):
        return backbone_in(settings.state, modality)
    found = get_method(settings.method).backbones(settings)
    if modality not in found:
        raise UsageError(
            f"{path}: {settings.method} trains no {modality} encoder (it has {', '.join(found)}); give another "
            "checkpoint"
        )
    return found[modality]


@dataclass(frozen=True)
class StartingPoint:
    """What a result says of the encoder that a training started from.

    Attributes:
        entry: Where it comes from, with stores and files named without their folders.
        notes: What readers should know about an encoder that another program has trained.
    """

    entry: PretrainEntry
    notes: tuple[str, ...] = ()


def starting_point(config: FinetuneSettings) -> StartingPoint:
    """Where the encoder of a run comes from; reads the file once.

    Raises:
        DataError: If the file cannot be read.
        UsageError: If `ckpt` is a fine-tuned model.
    """
    if config.ckpt is None and config.init in NO_FILES:
        return StartingPoint(PretrainEntry(method=config.init))
    path = Path(config.ckpt or config.init)
    found = open_checkpoint(path)
    if isinstance(found, ForeignCheckpoint):
        return StartingPoint(PretrainEntry(method="weights", init=path.name), (found.origin,))
    if config.ckpt is None:
        return StartingPoint(PretrainEntry(method="weights", init=path.name))
    settings = _settings_of(found, path)
    data = " + ".join(Path(store).name for store in settings.stores)
    init = settings.init if settings.init in NO_FILES else Path(settings.init).name
    return StartingPoint(PretrainEntry(method=settings.method, data=data or None, init=init))


def _settings_of(state: dict[str, Any], path: Path) -> PretrainSettings:
    if state["kind"] != "pretrain":
        task = state["config"].get("finetune", {}).get("task", "NAME")
        raise UsageError(
            f"{path}: a fine-tuned model of a task, not a pre-trained encoder; to score it: hcmoco-bench eval --task "
            f"{task} --ckpt {path}; to start from its weights: hcmoco-bench finetune --task {task} --init {path}"
        )
    return saved_settings(state["config"], str(path))
