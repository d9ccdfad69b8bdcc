"""Plain values to the settings of a task; what the task does not have is refused with what there is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.settings import read_settings_file, validated
from hcmoco_bench.tasks.core.registry import TASKS, get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings, flat_settings
from hcmoco_bench.tasks.core.task import Task


def checked_settings(task: Task[Any], values: Mapping[str, Any], source: str) -> FinetuneSettings:
    """The settings of a task, of the task's own type.

    Args:
        task: The task.
        values: Settings by name, side by side or with the task's own in the table `options`.
        source: Where they come from, for messages.

    Raises:
        UsageError: If a setting is unknown (lists near matches, or says which other tasks have it) or out of range.
    """
    flat = flat_settings(values)
    foreign = {name: _tasks_with(name) for name in flat if name not in task.settings.model_fields}
    told = [f"{name} is a setting of {' and '.join(owners)}" for name, owners in foreign.items() if owners]
    if told:
        raise UsageError(f"{source}: {'; '.join(told)}, not of {task.record.id}; leave it out")
    return validated(task.settings, flat, source)


def read_finetune_settings(path: Path) -> FinetuneSettings:
    """The settings in a run's `config.json`.

    Raises:
        DataError: If the file cannot be read.
        UsageError: If it names no known task, or settings that the task does not have.
    """
    values = read_settings_file(path)
    if not isinstance(values.get("task"), str):
        raise UsageError(f"{path}: names no task, so it is not the settings of a fine-tuning; give another folder")
    return checked_settings(get_task(values["task"]), values, str(path))


def _tasks_with(name: str) -> list[str]:
    """The tasks that have a setting; one whose package cannot be loaded is not asked."""
    owners = []
    for task in TASKS.names():
        try:
            settings = TASKS.get(task).settings
        except UsageError:
            continue
        if name in settings.model_fields:
            owners.append(task)
    return owners
