"""The folder of a run: what is in it, whether a run may start or continue there."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from hcmoco_bench.data.data_record import UNRECORDED, DataRecord, data_changes, read_data_record
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.atomic import remove_temporary, write_atomic
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.run_files import CHECKPOINT_FILE, CONFIG_FILE, has_begun, previous_checkpoint

DATA_FILE, CURVES_FILE = "data.json", "curves.png"


def prepare_folder(
    folder: Path,
    settings: Mapping[str, Any],
    data: DataRecord,
    *,
    before: Mapping[str, Any] | None,
    resume: bool,
    free_to_change: Collection[str],
) -> None:
    """Make the folder ready and write the run's settings and data; to be called while holding its lock.

    A run that ended before its first step, by a wrong setting or a missing file, does not count as one.

    Args:
        folder: Of the run.
        settings: Plain values.
        data: What the run learns from.
        before: Those of the run that is there; None if there is none.
        resume: Whether to continue that run.
        free_to_change: Settings that may change in a run.

    Raises:
        UsageError: If there is a run and `resume` is not asked for, or the run had settings that change what it learns,
            or another state of its data; says what has changed.
        DataError: If the record of the run's data is damaged.
        StoreError: If the folder cannot be written.
    """
    path = folder / CONFIG_FILE
    if before is not None and has_begun(folder):
        if not resume:
            raise UsageError(f"{folder}: there is a run already; add --resume to continue it, or give another --out")
        changed = [name for name in before if before[name] != settings[name] and name not in free_to_change]
        if changed:
            listed = "; ".join(f"{name} was {before[name]} and is {settings[name]}" for name in changed)
            raise UsageError(
                f"{path}: a run continues with the settings it began with: {listed}; or give another --out"
            )
        _refuse_other_data(folder, _recorded_data(folder / DATA_FILE), data)
    remove_temporary(folder)
    write_atomic(path, json.dumps(dict(settings), indent=2) + "\n")
    write_atomic(folder / DATA_FILE, json.dumps(data.to_dict(), indent=2) + "\n")


def make_folder(folder: Path) -> None:
    """Make the folder; raises StoreError if that is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror}); give another --out") from error


def last_state(folder: Path, data: DataRecord) -> dict[str, Any] | None:
    """The last good checkpoint of the run in a folder; None if it was stopped before the first.

    Args:
        folder: Of the run.
        data: What the run would learn from now.

    Raises:
        DataError: If there are checkpoints, but none can be read; the message is the newest one's.
        UsageError: If the checkpoint learned from another state of the data; says what has changed.
    """
    path = folder / CHECKPOINT_FILE
    candidates = [candidate for candidate in (path, previous_checkpoint(path)) if candidate.is_file()]
    first: DataError | None = None
    for candidate in candidates:
        try:
            state = load_checkpoint(candidate)
        except DataError as error:
            first = first or error
            continue
        _refuse_other_data(folder, read_data_record(state.get("data"), str(candidate)), data)
        return state
    if first is not None:
        raise first
    return None


def resuming_notes(state: Mapping[str, Any] | None) -> tuple[str, ...]:
    """What a user should know of the state that a run continues from; None for a run that begins."""
    return (UNRECORDED,) if state is not None and state.get("data") is None else ()


def _recorded_data(path: Path) -> DataRecord | None:
    """The data with which the run in a folder began; None for runs of earlier versions, which did not record it."""
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); without it nobody can tell whether the data is the same: put it back, "
            "or start a new run with another --out",
            kind="data_record",
            file=str(path),
        ) from error
    return read_data_record(values, str(path))


def _refuse_other_data(folder: Path, before: DataRecord | None, now: DataRecord) -> None:
    changed = () if before is None else data_changes(before, now)
    if changed:
        raise UsageError(
            f"{folder}: a run continues with the data it began with: {'; '.join(changed)}; put the data back as it "
            "was, or start a new run with another --out"
        )
