"""Checkpoints of tasks, and of the pre-trainings that tasks start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.modality import Modality
from hcmoco_bench.pretrain.checkpoints import saved_settings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.model_version import VERSION, check_model_version
from hcmoco_bench.tasks.core.read_settings import checked_settings
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.training.checkpoint import load_checkpoint

KIND = "task"


@dataclass(frozen=True)
class TaskCheckpoint:
    """A fine-tuned model in a file.

    Attributes:
        path: The file.
        sha256: SHA-256 of the file.
        config: Settings of its run.
        pretrain: Where its encoder came from.
        model: State dict of the whole model.
        chosen_on: What its epoch was chosen on: `last epoch`, `validation` or `test`.
    """

    path: Path
    sha256: str
    config: FinetuneSettings
    pretrain: PretrainEntry
    model: Mapping[str, Tensor]
    chosen_on: str


def checkpoint_config(
    record: TaskRecord, config: FinetuneSettings, pretrain: PretrainEntry, chosen_on: str
) -> dict[str, Any]:
    """The `config` of a task's checkpoint."""
    return {
        "finetune": config.to_dict(),
        "pretrain": pretrain.model_dump(mode="json"),
        "chosen_on": chosen_on,
        VERSION: record.version,
    }


def load_task_checkpoint(path: Path, task: str | Task[Any], *, backbone: str | None = None) -> TaskCheckpoint:
    """Read a fine-tuned model of a task.

    Args:
        path: The `.pth` file.
        task: Name of the task that the model is to be scored on, or the task.
        backbone: The backbone that the model should have; None for any.

    Raises:
        DataError: If the file is missing, damaged, or not of this tool.
        UsageError: If it holds a pre-trained encoder, a model of another task, of a version with another network, or
            another backbone; says what to do.
    """
    chosen = get_task(task)
    name = chosen.record.id
    state = load_checkpoint(path)
    if state["kind"] == "pretrain":
        raise UsageError(
            f"{path}: a pre-trained encoder, without a head to score; fine-tune it first: "
            f"hcmoco-bench finetune --task {name} --ckpt {path}"
        )
    if state["kind"] != KIND or "finetune" not in state["config"]:
        raise DataError(f"{path}: a checkpoint of kind {state['kind']!r}, not of a task", file=str(path))
    values = state["config"]["finetune"]
    if values["task"] != name:
        raise UsageError(f"{path}: a model of the task {values['task']}, not of {name}; use --task {values['task']}")
    check_model_version(chosen.record, state["config"], str(path))
    config = checked_settings(chosen, values, str(path))
    if backbone is not None and backbone != config.backbone:
        raise UsageError(f"{path}: its backbone is {config.backbone}, not {backbone}; leave --backbone out")
    return TaskCheckpoint(
        path=path,
        sha256=file_sha256(path),
        config=config,
        pretrain=PretrainEntry.model_validate(state["config"]["pretrain"]),
        model=state["model"],
        chosen_on=state["config"]["chosen_on"],
    )


def pretrained_settings(path: Path) -> PretrainSettings:
    """Settings of a pre-training checkpoint.

    Raises:
        DataError: If it is missing, damaged, or not of this tool.
        UsageError: If it is a fine-tuned model.
    """
    state = load_checkpoint(path)
    if state["kind"] != "pretrain":
        raise UsageError(
            f"{path}: a fine-tuned model of a task, not a pre-trained encoder; to score it: hcmoco-bench eval --ckpt "
            f"{path}; to start from its weights: --init {path}"
        )
    return saved_settings(state["config"], str(path))


def pretrained_backbone(path: Path, modality: Modality) -> str:
    """Name of the encoder of a modality in a pre-training checkpoint.

    Raises:
        DataError: If the checkpoint cannot be used; see `pretrained_settings`.
        UsageError: If it is a fine-tuned model, or its method trains no encoder of the modality.
    """
    settings = pretrained_settings(path)
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
        data = " + ".join(Path(store).name for store in settings.stores)
        return PretrainEntry(method=settings.method, data=data or None, init=_file_name(settings.init))
    if config.init in ("scratch", "imagenet"):
        return PretrainEntry(method=config.init)
    return PretrainEntry(method="weights", init=_file_name(config.init))


def _file_name(init: str) -> str:
    return init if init in ("scratch", "imagenet") else Path(init).name
