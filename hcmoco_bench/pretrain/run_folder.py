"""The folder of a run: what is in it, whether a run may start or continue there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hcmoco_bench.atomic import remove_temporary, write_atomic
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.pretrain.config import FREE_TO_CHANGE, PretrainConfig, make_config
from hcmoco_bench.training.checkpoint import load_checkpoint, previous_checkpoint
from hcmoco_bench.training.loop import CHECKPOINT_FILE

CONFIG_FILE, CURVES_FILE = "config.json", "curves.png"


def prepare_folder(folder: Path, config: PretrainConfig, *, resume: bool) -> None:
    """Make the folder ready and write its settings; to be called while holding its lock.

    Raises:
        UsageError: If there is a run and `resume` is not asked for, or the run had settings that change what it learns.
        StoreError: If the folder cannot be written.
    """
    saved = folder / CONFIG_FILE
    if saved.is_file():
        if not resume:
            raise UsageError(f"{folder}: there is a run already; add --resume to continue it, or give another --out")
        _check_same(saved, make_config(str(saved)), config)
    remove_temporary(folder)
    write_atomic(saved, json.dumps(config.plain(), indent=2) + "\n")


def make_folder(folder: Path) -> None:
    """Make the folder; raises StoreError if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); give another --out") from error


def saved_config(folder: Path) -> PretrainConfig:
    """Settings of the run in a folder; raises UsageError if there is none."""
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise UsageError(f"{folder}: there is no run to resume; leave --resume out to start one")
    return make_config(str(path))


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


def _check_same(path: Path, before: PretrainConfig, now: PretrainConfig) -> None:
    old, new = before.plain(), now.plain()
    changed = [name for name in old if old[name] != new[name] and name not in FREE_TO_CHANGE]
    if changed:
        listed = "; ".join(f"{name} was {old[name]} and is {new[name]}" for name in changed)
        raise UsageError(f"{path}: a run continues with the settings it began with: {listed}; or give another --out")
