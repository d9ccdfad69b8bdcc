"""Whether a saved model of a task is of a version that the task can still score and train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hcmoco_bench.errors import UsageError
from hcmoco_bench.tasks.core.record import TaskRecord

VERSION: str = "version"
"""Key of a task's version in the `config` of its checkpoints; those without it are of version 1."""


def check_model_version(record: TaskRecord, config: Mapping[str, Any], file: str) -> None:
    """Check that the network of a checkpoint is still the task's.

    Args:
        record: The task.
        config: The `config` of the checkpoint.
        file: The checkpoint, for messages.

    Raises:
        UsageError: If a later version of the task has another network, or the checkpoint is of a later version than
            the task; says what changed and what to do.
    """
    saved = int(config.get(VERSION, 1))
    if saved > record.version:
        raise UsageError(
            f"{file}: a model of {record.id}, version {saved}; this package has version {record.version}. Update "
            "hcmoco-bench to score it"
        )
    changes = [one for one in record.changes if one.new_network and one.version > saved]
    if changes:
        what = "; ".join(f"since version {one.version}, {one.change}" for one in changes)
        raise UsageError(
            f"{file}: a model of {record.id}, version {saved}, whose network the task no longer has: {what}. Fine-tune "
            "again with another --out; the scores of both versions are not comparable"
        )
