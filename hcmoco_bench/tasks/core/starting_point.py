"""What a task's training starts from: a pre-training of this tool, another program's checkpoint, or first weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hcmoco_bench.errors import UsageError
from hcmoco_bench.modality import Modality
from hcmoco_bench.models.foreign.registry import backbone_in
from hcmoco_bench.pretrain.checkpoints import saved_settings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint, open_checkpoint

NO_FILES = ("scratch", "imagenet")
"""First weights that are not in a file of the user's."""


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


def pretrain_entry(config: FinetuneSettings) -> PretrainEntry:
    """Where the encoder of a run comes from, with stores and files named without their folders."""
    if config.ckpt is not None:
        settings = pretrained_settings(Path(config.ckpt))
        if isinstance(settings, ForeignCheckpoint):
            return PretrainEntry(method="weights", init=settings.path.name)
        data = " + ".join(Path(store).name for store in settings.stores)
        return PretrainEntry(method=settings.method, data=data or None, init=_file_name(settings.init))
    if config.init in NO_FILES:
        return PretrainEntry(method=config.init)
    return PretrainEntry(method="weights", init=_file_name(config.init))


def origin_note(config: FinetuneSettings) -> list[str]:
    """What readers of a result should know about an encoder that another program has trained."""
    file = config.ckpt or (None if config.init in NO_FILES else config.init)
    if file is None:
        return []
    found = open_checkpoint(Path(file))
    return [found.origin] if isinstance(found, ForeignCheckpoint) else []


def _settings_of(state: dict[str, Any], path: Path) -> PretrainSettings:
    if state["kind"] != "pretrain":
        task = state["config"].get("finetune", {}).get("task", "NAME")
        raise UsageError(
            f"{path}: a fine-tuned model of a task, not a pre-trained encoder; to score it: hcmoco-bench eval --task "
            f"{task} --ckpt {path}; to start from its weights: hcmoco-bench finetune --task {task} --init {path}"
        )
    return saved_settings(state["config"], str(path))


def _file_name(init: str) -> str:
    return init if init in NO_FILES else Path(init).name
