"""Data that a task reads in its published layout, from a root folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hcmoco_bench.audit.frames import FileFrames
from hcmoco_bench.audit.names import sample_names
from hcmoco_bench.audit.population import Population
from hcmoco_bench.audit.sets import AuditedSet, Role
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.densepose.detections import images_of
from hcmoco_bench.tasks.densepose.task import DensePose
from hcmoco_bench.tasks.shape.data import people_and_rows
from hcmoco_bench.tasks.shape.task import Shape


def published_set(role: Role, task: Task[Any], root: Path, data: TaskData) -> AuditedSet:
    """A split as its task opened it; without images where the layout has no color image files, as ITOP's.

    Args:
        role: What it is used for.
        task: The task.
        root: The folder that the task reads.
        data: The split.
    """
    key = str(root.resolve()) if data.generated else ""
    population = Population(data.name, key, data.generated, known=False)
    groups = task.groups(data.ids)
    people, noun = (None, "people") if groups is None else (groups.of, groups.noun)
    names = sample_names(data.ids, population, people=people, people_noun=noun)
    where, files = f"{root} ({data.split})", _image_files(task, data)
    if files is None:
        return AuditedSet(role, where, names, population)
    keys = tuple(_below(root, path) for path in files)
    frames = FileFrames(dict(zip(keys, files, strict=True)))
    return AuditedSet(role, where, names, population, frames, keys)


def _image_files(task: Task[Any], data: TaskData) -> tuple[Path, ...] | None:
    """The image file of each sample; None where there are none, or where the task is not known here."""
    if isinstance(task, DensePose):
        images = images_of(data)
        return tuple(images[name].path for name in data.ids)
    if isinstance(task, Shape):
        people, rows = people_and_rows(data)
        return tuple(people.images[row] for row in rows.tolist())
    return None


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
