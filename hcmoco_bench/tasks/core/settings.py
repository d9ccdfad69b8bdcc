"""From what a user gives to the settings of a fine-tuning run: the task's defaults, then theirs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hcmoco_bench.runtime.settings import validated
from hcmoco_bench.tasks.core.checkpoints import pretrained_settings
from hcmoco_bench.tasks.core.config import FinetuneConfig
from hcmoco_bench.tasks.core.options import with_options
from hcmoco_bench.tasks.core.registry import get_task


def make_finetune_config(task_name: str, given: Mapping[str, Any], *, home: Path | None = None) -> FinetuneConfig:
    """The settings of a run.

    A name that is none of `FinetuneConfig`'s but one of the task's options goes into `options`. With a checkpoint and
    no backbone given, the checkpoint's backbone is taken.

    Args:
        task_name: Of the task.
        given: Settings by name; they win over the task's defaults.
        home: Where the task looks for its data if `given` names none; None to leave it without.

    Raises:
        UsageError: If the task or a setting is unknown, out of range, or contradicts another.
        DataError: If the checkpoint is not one of a pre-training.
    """
    task = get_task(task_name)
    values: dict[str, Any] = {"task": task_name, "protocol": task.record.default_protocol, **task.defaults_for(given)}
    values = with_options(task, values, given)
    if values.get("ckpt") and "backbone" not in given and task.modality is not None:
        pretraining = pretrained_settings(Path(values["ckpt"]))
        of_depth = pretraining.depth_backbone if task.modality == "depth" else None
        values["backbone"] = of_depth or pretraining.backbone
    if home is not None and not values.get("stores") and not values.get("root"):
        values |= task.default_data(home)
    config = validated(FinetuneConfig, values, f"settings of {task_name}")
    task.check(config)
    # with the defaults of its options filled in, so that the resolved settings say everything
    return config.model_copy(update={"options": task.options.model_validate(config.options).model_dump(mode="json")})
