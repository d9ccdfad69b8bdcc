"""All tasks by name; a task's module is imported when it is asked for."""

from __future__ import annotations

import difflib
from functools import cache
from importlib import import_module

from hcmoco_bench.errors import UsageError
from hcmoco_bench.tasks.core.task import Task

_TASKS = {
    "cross_modality": "modalities.cross:CrossModality",
    "densepose": "densepose.task:DensePose",
    "depth_parsing": "parsing.depth:DepthParsing",
    "itop_pose": "itop_pose.task:ItopPose",
    "missing_modality": "modalities.missing:MissingModality",
    "rgb_parsing": "parsing.rgb:RgbParsing",
}
"""Module in this package and class of each task."""


def task_names() -> tuple[str, ...]:
    """Names of all tasks, in alphabetical order."""
    return tuple(sorted(_TASKS))


@cache
def get_task(name: str) -> Task:
    """The task of a name.

    Raises:
        UsageError: If there is none; lists near matches, or all.
    """
    if name not in _TASKS:
        near = difflib.get_close_matches(name, _TASKS, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(task_names())}"
        raise UsageError(f"task {name!r} is unknown; {hint}")
    module, _, kind = _TASKS[name].partition(":")
    task: Task = getattr(import_module(f"hcmoco_bench.tasks.{module}"), kind)()
    return task
