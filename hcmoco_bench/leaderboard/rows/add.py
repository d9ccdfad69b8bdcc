"""Adding a row: the checks that a result passes decide its level."""

from __future__ import annotations

import datetime
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.atomic import write_atomic, write_error
from hcmoco_bench.files.hashing import bytes_sha256, file_sha256
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.leaderboard.folder import ROWS
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.again_check import check_again
from hcmoco_bench.leaderboard.rows.checklist import Checklist, RowRefusedError
from hcmoco_bench.leaderboard.rows.data_check import check_labels, check_predictions, check_weights
from hcmoco_bench.leaderboard.rows.evidence_check import check_evidence
from hcmoco_bench.leaderboard.rows.file_sizes import check_size
from hcmoco_bench.leaderboard.rows.links import link_errors
from hcmoco_bench.leaderboard.rows.place_check import Placed, Tables, check_place
from hcmoco_bench.leaderboard.rows.read import StoredRow, read_row, row_id
from hcmoco_bench.leaderboard.rows.row_file import RESULT_FILE, ROW_FILE, CheckRecord, RowFile, Submission
from hcmoco_bench.leaderboard.rows.tables import tables_of
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import EvidenceEntry, Result, read_result
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task import Task

_STAGING = ".adding-"


@dataclass(frozen=True)
class CheckInputs:
    """What a checker has at hand beside the result; each raises the level that a row can get.

    Attributes:
        settings: Settings that say where the data is (`stores` or `root`, and what else the task needs); empty if it is
            not at hand.
        predictions: The deposited predictions.
        weights: The model.
        again: Result file of a second training.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    predictions: Path | None = None
    weights: Path | None = None
    again: Path | None = None

    def __bool__(self) -> bool:
        return bool(self.settings or self.predictions or self.weights or self.again)


@dataclass(frozen=True)
class Checked:
    """Everything that was checked of a result.

    Attributes:
        checklist: All lines.
        inputs: SHA-256 of what was read beside the result, by name.
        labels_sha256: See `RowFile.labels_sha256`.
        evidence_sha256: See `RowFile.evidence_sha256`.
    """

    checklist: Checklist
    inputs: Mapping[str, str]
    labels_sha256: str
    evidence_sha256: tuple[str, ...]

    def records(self, row: str, result_sha256: str, by: str, *, above: Level) -> tuple[CheckRecord, ...]:
        """The sealed record of each level above another that is earned, lowest first."""
        found = []
        for level in self.checklist.earned:
            items = tuple(item for item in self.checklist.items if item.level == level.word)
            if level > above:
                found.append(
                    CheckRecord.sealed(
                        row,
                        result_sha256,
                        level=level.word,
                        by=by,
                        on=_today(),
                        tool=f"hcmoco-bench {__version__}",
                        items=items,
                        inputs=dict(self.inputs) if level > Level.EVIDENCE else {},
                    )
                )
        return tuple(found)


def add_result(
    path: Path,
    board: Path,
    submission: Submission,
    inputs: CheckInputs | None = None,
    *,
    checked_by: str = "",
    progress: Progress = no_progress,
) -> tuple[StoredRow, Checklist]:
    """Check a result and add it to a leaderboard at the level that it earns.

    Args:
        path: The result file, with its evidence beside it.
        board: Folder of the leaderboard; made if it does not exist.
        submission: Who submits it, and what they say of it.
        inputs: What else is at hand to check it by.
        checked_by: Who runs the checks; empty for the submitter.
        progress: Told how many samples are done where models or predictions are scored again.

    Returns:
        The row and the checklist.

    Raises:
        RowRefusedError: If a check fails; nothing is written.
        UsageError: If inputs contradict each other or the result, or the row is there already.
        DataError: If the result or an input cannot be read.
        StoreError: If the row cannot be written, or another process is writing to the leaderboard.
    """
    check_size(path)
    result = read_result(path)
    data = path.read_bytes()
    sha256 = bytes_sha256(data)
    task = get_task(result.task.id)
    name = row_id(result, sha256)
    with writing(board):
        folder = board / ROWS / result.task.id / name
        if folder.exists():
            raise UsageError(f"{folder}: this result is a row already; to raise its level, use leaderboard verify")
        by = checked_by or submission.by
        tables = tables_of(board)
        checked = check_all(
            result, path.parent, task, tables, inputs, row=name, by=by, submitted_by=submission.by, progress=progress
        )
        refuse_failed(checked.checklist, str(path))
        row = RowFile(
            id=name,
            submitted_by=submission.by,
            added=_today(),
            result_sha256=sha256,
            labels_sha256=checked.labels_sha256,
            evidence_sha256=checked.evidence_sha256,
            url=submission.url,
            citation=submission.citation,
            notes=submission.notes,
            checks=checked.records(name, sha256, by, above=Level.PAPER),
        )
        _write(folder, row, data, path.parent, result.evidence)
    return read_row(folder), checked.checklist


def existing_row(path: Path, board: Path) -> StoredRow | None:
    """The row that a result file already is; None if it is none.

    Raises:
        DataError: If the result cannot be read, or its row is not as it was added.
    """
    result = read_result(path)
    folder = board / ROWS / result.task.id / row_id(result, file_sha256(path))
    return read_row(folder) if folder.is_dir() else None


def check_all(
    result: Result,
    folder: Path,
    task: Task[Any],
    tables: Tables,
    inputs: CheckInputs | None = None,
    *,
    row: str,
    by: str,
    submitted_by: str,
    progress: Progress = no_progress,
) -> Checked:
    """Run every check for which there is something at hand.

    Args:
        result: The result.
        folder: Folder of its evidence.
        task: Its task.
        tables: The rows of the leaderboard.
        inputs: What else is at hand.
        row: The row's id.
        by: Who runs the checks.
        submitted_by: Who submitted the result.
        progress: Told how many samples are done.

    Raises:
        UsageError: If predictions, weights or a second result are given without the data.
        DataError: If an input cannot be read.
    """
    given = inputs or CheckInputs()
    if (given.predictions or given.weights or given.again) and not given.settings:
        raise UsageError(
            "predictions, weights and second trainings are checked on the data; say where it is (--store or --root)"
        )
    found = check_evidence(result, folder, task)
    place = check_place(Placed.of(row, result, found.labels_sha256, found.evidence_sha256), tables, task, result)
    items = [*found.items, *place]
    hashes: dict[str, str] = {}
    if found.evidences and not Checklist(tuple(items)).failed:
        for part in _further(result, found.evidences, task, given, by, submitted_by, progress):
            items += part.items
            hashes |= part.inputs
    return Checked(Checklist(tuple(items)), hashes, found.labels_sha256, found.evidence_sha256)


def _further(
    result: Result,
    evidences: Sequence[Evidence],
    task: Task[Any],
    given: CheckInputs,
    by: str,
    submitted_by: str,
    progress: Progress,
) -> Iterator[Any]:
    if given.settings:
        yield check_labels(result, evidences, task, given.settings)
    if given.predictions is not None:
        yield check_predictions(result, evidences, task, given.settings, given.predictions, progress)
    if given.weights is not None:
        yield check_weights(result, evidences, task, given.settings, given.weights, progress)
    if given.again is not None:
        yield check_again(result, evidences, task, given.again, given.settings, by=by, submitted_by=submitted_by)


def refuse_failed(checklist: Checklist, what: str) -> None:
    """Raise RowRefusedError if a line of a checklist fails."""
    if checklist.failed:
        told = "; ".join(f"{item.check}: {item.detail}" for item in checklist.failed)
        raise RowRefusedError(f"{what}: {told}", checklist)


def write_row_file(folder: Path, row: RowFile) -> None:
    """Write `row.json` of a row that is there."""
    write_atomic(folder / ROW_FILE, row.to_json())


def _today() -> datetime.date:
    return datetime.datetime.now(tz=datetime.UTC).date()


@contextmanager
def writing(board: Path) -> Iterator[None]:
    """Make the folder of a leaderboard if need be, and hold its lock.

    Raises:
        DataError: If it holds symbolic links, through which files elsewhere would be written (`row_links`).
        StoreError: If it cannot be written, or another process is writing to it.
    """
    try:
        (board / ROWS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(board, error) from error
    if links := link_errors(board):
        raise DataError(f"{board}: {'; '.join(links[:3])}", kind="row_links", file=str(board))
    with folder_lock(board):
        yield


def _write(folder: Path, row: RowFile, result: bytes, source: Path, evidence: Sequence[EvidenceEntry]) -> None:
    """Write a row's folder whole, or not at all."""
    staging = folder.with_name(f"{_STAGING}{folder.name}")
    try:
        shutil.rmtree(staging, ignore_errors=True)  # what a run that was killed has left
        staging.mkdir(parents=True)
        for entry in evidence:
            data = (source / entry.file).read_bytes()
            if bytes_sha256(data) != entry.sha256:
                raise StoreError(f"{source / entry.file}: was changed while it was checked; add the result again")
            write_atomic(staging / entry.file, data)
        write_atomic(staging / RESULT_FILE, result)
        write_row_file(staging, row)
        staging.rename(folder)
    except BaseException as error:
        shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError):
            raise write_error(folder, error) from error
        raise
