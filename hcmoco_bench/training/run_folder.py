"""The folder of a run: what is in it, whether a run may start or continue there."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.atomic import remove_temporary, write_atomic
from hcmoco_bench.training.checkpoint import load_checkpoint, previous_checkpoint
from hcmoco_bench.training.loop import CHECKPOINT_FILE

CONFIG_FILE, CURVES_FILE = "config.json", "curves.png"


def prepare_folder(
    folder: Path,
    settings: Mapping[str, Any],
    *,
    before: Mapping[str, Any] | None,
    resume: bool,
    free_to_change: Collection[str],
) -> None:
    """Make the folder ready and write its settings; to be called while holding its lock.

    Args:
        folder: Of the run.
        settings: Plain values.
        before: Those of the run that is there; None if there is none.
        resume: Whether to continue that run.
        free_to_change: Settings that may change in a run.

    Raises:
        UsageError: If there is a run and `resume` is not asked for, or the run had settings that change what it learns.
        StoreError: If the folder cannot be written.
    """
    path = folder / CONFIG_FILE
    if before is not None:
        if not resume:
            raise UsageError(f"{folder}: there is a run already; add --resume to continue it, or give another --out")
        changed = [name for name in before if before[name] != settings[name] and name not in free_to_change]
        if changed:
            listed = "; ".join(f"{name} was {before[name]} and is {settings[name]}" for name in changed)
            raise UsageError(
                f"{path}: a run continues with the settings it began with: {listed}; or give another --out"
            )
    remove_temporary(folder)
    write_atomic(path, json.dumps(dict(settings), indent=2) + "\n")


def make_folder(folder: Path) -> None:
    """Make the folder; raises StoreError if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); give another --out") from error


def last_state(folder: Path) -> dict[str, Any] | None:
    """The last good checkpoint of the run in a folder; None if it was stopped before the first.

    Raises:
        DataError: If there are checkpoints, but none can be read; the message is the newest one's.
    """
    path = folder / CHECKPOINT_FILE
    candidates = [candidate for candidate in (path, previous_checkpoint(path)) if candidate.is_file()]
    first: DataError | None = None
    for candidate in candidates:
        try:
            return load_checkpoint(candidate)
        except DataError as error:
            first = first or error
    if first is not None:
        raise first
    return None
