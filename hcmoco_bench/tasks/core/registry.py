"""All tasks by name: those of this package, those registered in this process, and those of other packages."""

from __future__ import annotations

from typing import Any, Final

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.registry import Registry
from hcmoco_bench.tasks.core.task import Task

TASKS: Final[Registry[Task[Any]]] = Registry(
    "task",
    Task,  # type: ignore[type-abstract]  # entries are of classes that derive from it
    "hcmoco_bench.tasks",
    {
        "cross_modality": "hcmoco_bench.tasks.modalities.cross:CrossModality",
        "densepose": "hcmoco_bench.tasks.densepose.task:DensePose",
        "depth_parsing": "hcmoco_bench.tasks.parsing.depth:DepthParsing",
        "itop_pose": "hcmoco_bench.tasks.itop_pose.task:ItopPose",
        "missing_modality": "hcmoco_bench.tasks.modalities.missing:MissingModality",
        "pose3d": "hcmoco_bench.tasks.pose3d.task:Pose3d",
        "pose2d": "hcmoco_bench.tasks.pose2d.task:Pose2d",
        "rgb_parsing": "hcmoco_bench.tasks.parsing.rgb:RgbParsing",
        "shape": "hcmoco_bench.tasks.shape.task:Shape",
    },
)


def register_task(task: Task[Any] | type[Task[Any]]) -> None:
    """Add a task in this process, under the name in its record.

    A package that is installed beside this one names its tasks in the entry-point group `hcmoco_bench.tasks` instead.

    Raises:
        UsageError: If there is a task of that name.
    """
    TASKS.register(task.record.id, task)


def task_names() -> tuple[str, ...]:
    """Names of all tasks in alphabetical order."""
    return TASKS.names()


def get_task(task: str | Task[Any]) -> Task[Any]:
    """The task of a name; a task itself is given back.

    Raises:
        UsageError: If there is none (lists near matches), or a package offers it under another name than its own.
    """
    if isinstance(task, Task):
        return task
    found = TASKS.get(task)
    if found.record.id != task:
        raise UsageError(
            f"task {task!r}: the package that offers it calls it {found.record.id!r} in its record; correct its entry "
            "point"
        )
    return found
