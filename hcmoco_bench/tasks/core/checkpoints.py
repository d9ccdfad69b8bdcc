"""Models of tasks in files: checkpoints that `finetune` left, and whole models of other programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from hcmoco_bench.data.data_record import DataRecord, read_data_record
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.models.foreign.registry import all_formats
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.model_version import VERSION, check_model_version
from hcmoco_bench.tasks.core.read_settings import checked_settings
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.registry import TASKS, get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings, flat_settings
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint, open_checkpoint

KIND = "task"


@dataclass(frozen=True)
class TaskCheckpoint:
    """A model of a task in a file.

    Attributes:
        path: The file.
        sha256: SHA-256 of the file.
        config: Settings of its run; for a model of another program, the settings that its tensors tell, and the task's
            defaults.
        pretrain: Where its encoder came from.
        model: State dict of the whole model.
        chosen_on: What its epoch was chosen on: `last epoch`, `validation`, `test`, or `unknown`.
        origin: Which program wrote it, in words for results; None for this tool.
        data: What it learned from and was scored on; None where the file does not tell.
    """

    path: Path
    sha256: str
    config: FinetuneSettings
    pretrain: PretrainEntry
    model: Mapping[str, Tensor]
    chosen_on: str
    origin: str | None = None
    data: DataRecord | None = None


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


def load_task_checkpoint(
    path: Path,
    task: str | Task[Any],
    *,
    backbone: str | None = None,
    given: Mapping[str, Any] | None = None,
    home: Path | None = None,
) -> TaskCheckpoint:
    """Read a model of a task: one that `finetune` left, or one of another program in a format of `models.foreign`.

    Args:
        path: The file.
        task: Name of the task that the model is to be scored on, or the task.
        backbone: The backbone that the model should have; None for any. A model of another program needs it if its
            tensors do not tell.
        given: Settings by name for a model of another program, whose file holds none; they win over what its tensors
            tell. For a model of this tool, see `scoring_settings`.
        home: Folder in which the task looks for its data, if `given` names none, for a model of another program.

    Raises:
        DataError: If the file is missing, damaged, or of no known program.
        UsageError: If it holds an encoder without a head, a model of another task, of a version with another network,
            or another backbone; says what to do.
    """
    chosen = get_task(task)
    name = chosen.record.id
    state = open_checkpoint(path)
    if isinstance(state, ForeignCheckpoint):
        return _of_another_program(state, chosen, backbone, flat_settings(given or {}), home)
    if state["kind"] == "pretrain":
        raise _without_head(path, "a pre-trained encoder", name)
    if state["kind"] != KIND or "finetune" not in state["config"]:
        raise DataError(f"{path}: a checkpoint of kind {state['kind']!r}, not of a task", file=str(path))
    values = state["config"]["finetune"]
    if values["task"] != name:
        raise UsageError(f"{path}: a model of the task {values['task']}, not of {name}; use --task {values['task']}")
    check_model_version(chosen.record, state["config"], str(path))
    config = checked_settings(chosen, values, str(path))
    _check_backbone(path, config.backbone, backbone)
    return TaskCheckpoint(
        path=path,
        sha256=file_sha256(path),
        config=config,
        pretrain=PretrainEntry.model_validate(state["config"]["pretrain"]),
        model=state["model"],
        chosen_on=state["config"]["chosen_on"],
        data=read_data_record(state.get("data"), str(path)),
    )


def _of_another_program(
    file: ForeignCheckpoint, task: Task[Any], backbone: str | None, given: Mapping[str, Any], home: Path | None
) -> TaskCheckpoint:
    path, name, found = file.path, task.record.id, file.recognized
    if found is None:
        programs = "; ".join(form.program for form in all_formats() if form.network is not None)
        raise DataError(
            f"{path}: neither a model of hcmoco-bench nor of a program that it knows ({programs}); its names begin "
            f"with {', '.join(list(file.state)[:3])}; docs/checkpoints.md lists the files that can be scored",
            kind="checkpoint_foreign",
            file=str(path),
        )
    form = found.format
    if form.network is None or form.network == "multimodal":
        raise _without_head(path, f"an encoder of {form.program}", name)
    if form.network != task.network:
        tasks = [other for other in TASKS.names() if get_task(other).network == form.network]
        raise UsageError(f"{path}: a model of {form.program}, which {' and '.join(tasks)} can score, not {name}")
    try:
        told = form.settings(found.state)
    except DataError as error:
        raise DataError(f"{path}: {error}", kind=error.kind, file=str(path)) from error
    told = {key: value for key, value in told.items() if key in task.settings.model_fields}
    if "backbone" in told:
        _check_backbone(path, told["backbone"], backbone)
    elif backbone is None:
        raise UsageError(f"{path}: its tensors do not tell its backbone; give --backbone NAME")
    values = {**told, **({} if backbone is None else {"backbone": backbone}), **given}
    return TaskCheckpoint(
        path=path,
        sha256=file_sha256(path),
        config=make_finetune_settings(task, values, home=home),
        pretrain=PretrainEntry(method="weights", init=path.name),
        model=form.from_published(found.state),
        chosen_on="unknown",
        origin=file.origin,
    )


def _check_backbone(path: Path, found: str, wanted: str | None) -> None:
    if wanted is not None and wanted != found:
        raise UsageError(f"{path}: its backbone is {found}, not {wanted}; leave --backbone out")


def _without_head(path: Path, what: str, task: str) -> UsageError:
    return UsageError(
        f"{path}: {what}, without a head to score; fine-tune it first: hcmoco-bench finetune --task {task} --ckpt "
        f"{path}"
    )
