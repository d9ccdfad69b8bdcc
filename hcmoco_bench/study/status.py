"""How a study stands: the state and the times of each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hcmoco_bench.files.lock import lock_holder
from hcmoco_bench.study.cells import CellKind, Cells
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.progress_file import read_progress
from hcmoco_bench.study.record import read_record

CellState = Literal["done", "running", "missing", "stale", "failed"]


@dataclass(frozen=True)
class CellStatus:
    """A cell and its state.

    Attributes:
        name: Name of the cell.
        kind: Data, pre-training, fine-tuning, or scoring of a fine-tuned model.
        state: Its state: `stale` has a record of other commands, `missing` has not been begun or was interrupted.
        seconds: Wall-clock time of its commands, so far or in all; None if nothing is known.
        processor_seconds: Processor time likewise.
        said: What it last printed if it failed, or who is making it.
    """

    name: str
    kind: CellKind
    state: CellState
    seconds: float | None = None
    processor_seconds: float | None = None
    said: str = ""


def study_status(cells: Cells, folder: StudyFolder) -> tuple[CellStatus, ...]:
    """The state of each cell, in order.

    Raises:
        DataError: If a record is damaged.
    """
    return tuple(_status(name, cells, folder) for name in cells.by_name)


def _status(name: str, cells: Cells, folder: StudyFolder) -> CellStatus:
    cell, work = cells.by_name[name], folder.work(name)
    record, progress = read_record(folder.record(name)), read_progress(work)
    if holder := lock_holder(work):
        return CellStatus(name, cell.kind, "running", said=holder)
    if record is not None and record.fingerprint == cell.fingerprint:
        return CellStatus(name, cell.kind, "done", record.seconds, record.processor_seconds)
    if record is not None:
        return CellStatus(name, cell.kind, "stale", record.seconds, record.processor_seconds)
    if progress is None or progress.fingerprint != cell.fingerprint:
        return CellStatus(name, cell.kind, "missing")
    state: CellState = "failed" if progress.failure else "missing"
    return CellStatus(name, cell.kind, state, progress.seconds, progress.processor_seconds, progress.said)
