"""From what a user gives to the settings of a run: the task's defaults, then theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.recipes import recipe_values, with_published
from hcmoco_bench.runtime.settings import merge_settings
from hcmoco_bench.tasks.core.read_settings import checked_settings
from hcmoco_bench.tasks.core.registry import get_task, task_names
from hcmoco_bench.tasks.core.settings import FinetuneSettings, flat_settings
from hcmoco_bench.tasks.core.starting_point import pretrained_backbone
from hcmoco_bench.tasks.core.task import Task

RECIPES: Final = "finetune"
"""Folder of the packaged recipes of fine-tuning and evaluation."""


def make_finetune_settings(
    task: str | Task[Any] | None,
    given: Mapping[str, Any] | None = None,
    *,
    recipe: str | None = None,
    home: Path | None = None,
) -> FinetuneSettings:
    """The settings of a run, of the task's own type.

    With a checkpoint and no backbone given, the checkpoint's backbone is taken.

    Args:
        task: Name of a task, or a task; None for the one that the settings or the recipe name.
        given: Settings by name, which win over the task's defaults; `options`, and names that begin with `options.`,
            are read too, as files and checkpoints have them.
        recipe: Path of a settings file, or name of a packaged recipe; `given` wins over it. `published` does as the
            authors' released code.
        home: Folder in which the task looks for its data if `given` names none; None to leave it without.

    Raises:
        UsageError: If the task or a setting is unknown, out of range, or contradicts another.
        DataError: If the checkpoint cannot be read.
    """
    typed = {**flat_settings(recipe_values(recipe, RECIPES) if recipe else {}), **flat_settings(given or {})}
    if task is None and "task" not in typed:
        raise UsageError(f"no task is named; there are {', '.join(task_names())}")
    chosen = get_task(typed["task"] if task is None else task)
    name = chosen.record.id
    source = f"settings of {name}"
    over = with_published(recipe, chosen.settings, typed)
    values = merge_settings({"task": name, "protocol": chosen.record.default_protocol}, over)
    if values["task"] != name:
        raise UsageError(f"{source}: they are of the task {values['task']}; use --task {values['task']}")
    settings = checked_settings(chosen, values, source)
    found: dict[str, Any] = {}
    if settings.ckpt is not None and "backbone" not in values and chosen.modality is not None:
        backbone = pretrained_backbone(Path(settings.ckpt), chosen.modality)
        if backbone is None:
            raise UsageError(f"{settings.ckpt}: its tensors do not tell its backbone; give --backbone NAME")
        found["backbone"] = backbone
    if home is not None and not settings.stores and not settings.root:
        found |= chosen.default_data(home)
    if found:
        settings = checked_settings(chosen, values | found, source)
    chosen.check(settings)
    return settings


def scoring_settings(task: str | Task[Any], settings: FinetuneSettings, given: Mapping[str, Any]) -> FinetuneSettings:
    """A checkpoint's settings with the place of the data, the protocol and the like changed.

    Args:
        task: Name of the checkpoint's task, or the task.
        settings: The checkpoint's settings.
        given: Settings that win, as in `make_finetune_settings`.

    Raises:
        UsageError: If the task has no such protocol or setting, or a setting says what the model learned from and is
            another than in training.
    """
    chosen = get_task(task)
    values = merge_settings(settings.model_dump(), flat_settings(given))
    changed = checked_settings(chosen, values, f"settings of {chosen.record.id}")
    for name in sorted(chosen.fixed_by_training):
        before, now = getattr(settings, name), getattr(changed, name)
        if now != before:
            raise UsageError(
                f"{chosen.record.id}: the model was trained with {name} = {before}, and scoring cannot make it {now}; "
                "leave the setting out, or score a model that was trained so"
            )
    chosen.check(changed)
    return changed
