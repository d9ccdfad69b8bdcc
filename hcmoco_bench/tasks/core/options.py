"""Settings of the run and of the task alone, told apart by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hcmoco_bench.tasks.core.config import FinetuneConfig
from hcmoco_bench.tasks.core.task import Task


def with_options(task: Task, values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with others put over them; the task's own go into `options`.

    Args:
        task: The task.
        values: Settings by name.
        given: Others, which win; `options.NAME`, or the bare name of an option that is no setting of `FinetuneConfig`,
            is an option, and `options` itself a table of them.
    """
    merged = dict(values)
    options = dict(merged.get("options", {}))
    for name, value in given.items():
        if name == "options":
            options |= value
        elif name.startswith("options."):
            options[name.removeprefix("options.")] = value
        elif name not in FinetuneConfig.model_fields and name in task.options.model_fields:
            options[name] = value
        else:
            merged[name] = value
    merged["options"] = options
    return merged
