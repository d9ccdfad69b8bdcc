"""Verifying rows: everything that can be checked again is, and what rests on a record alone is named."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench.errors import HcmocoBenchError, UsageError
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import Checked, CheckInputs, check_all, refuse_failed, write_row_file, writing
from hcmoco_bench.leaderboard.rows.checklist import Checker, CheckItem, Checklist
from hcmoco_bench.leaderboard.rows.place_check import Tables
from hcmoco_bench.leaderboard.rows.read import StoredRow, read_row, row_folders
from hcmoco_bench.leaderboard.rows.row_file import RESULT_FILE, ROW_FILE
from hcmoco_bench.leaderboard.rows.tables import tables_of
from hcmoco_bench.runtime.progress import Progress, no_progress

_CHECK = Checker(Level.EVIDENCE)


@dataclass(frozen=True)
class RowVerification:
    """What verifying a row gave.

    Attributes:
        id: The row's id, which is its folder's name.
        folder: The row's folder.
        level: The level that the row's records give it; `PAPER` if it fails.
        checklist: All lines; a row that cannot be read has one line that says why.
        repeated: Levels that were checked again here.
        recorded: Levels that rest on the record of a check alone, since what they need is not at hand.
    """

    id: str
    folder: Path
    level: Level
    checklist: Checklist
    repeated: tuple[Level, ...] = ()
    recorded: tuple[Level, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether no line fails."""
        return not self.checklist.failed


def verify_rows(
    board: Path,
    ids: Sequence[str] | None = None,
    inputs: CheckInputs | None = None,
    *,
    progress: Progress = no_progress,
) -> Iterator[RowVerification]:
    """Verify the rows of a leaderboard, one at a time, so that memory does not grow with their number.

    Args:
        board: Folder of the leaderboard.
        ids: Ids of rows; None for all.
        inputs: What is at hand beside the rows' own files; it must fit each of them.
        progress: Told how many rows are done.

    Raises:
        UsageError: If there is no such leaderboard, or no row of an id.
    """
    if not board.is_dir():
        raise UsageError(f"{board}: there is no leaderboard; leaderboard add makes one")
    folders = _folders(board, ids)
    tables = tables_of(board)
    for done, folder in enumerate(folders):
        progress("verifying, rows", done, len(folders))
        yield _verify(folder, tables, inputs)
    progress("verifying, rows", len(folders), len(folders))


def raise_level(
    board: Path, row: str, by: str, inputs: CheckInputs, *, progress: Progress = no_progress
) -> tuple[StoredRow, Checklist]:
    """Check a row that is there with more at hand, and keep the record of what passes.

    Args:
        board: Folder of the leaderboard.
        row: The row's id.
        by: Who runs the checks.
        inputs: What is at hand.
        progress: Told how many samples are done.

    Returns:
        The row with its new records, and the checklist.

    Raises:
        RowRefusedError: If a check fails; the row stays as it is.
        UsageError: If there is no such row, or nothing is at hand.
        DataError: If the row or an input cannot be read.
    """
    if not inputs:
        raise UsageError(
            "nothing is given to check the row by; give --store or --root, --predictions, --weights, --again"
        )
    (folder,) = _folders(board, [row])
    with writing(board):
        stored = read_row(folder)
        tables = tables_of(board)
        checked = check_all(
            stored.result,
            folder,
            stored.task,
            tables,
            inputs,
            row=stored.file.id,
            by=by,
            submitted_by=stored.file.submitted_by,
            progress=progress,
        )
        lines = (_files(stored), *checked.checklist.items, *_fingerprints(stored, checked))
        refuse_failed(Checklist(lines), str(folder))
        records = checked.records(stored.file.id, stored.file.result_sha256, by, above=Level.EVIDENCE)
        file = stored.file.model_copy(update={"checks": (*stored.file.checks, *records)})
        write_row_file(folder, file)
    return read_row(folder), checked.checklist


def row_folder(board: Path, row: str) -> Path | None:
    """The folder of a row; None if the leaderboard has no such row."""
    return {folder.name: folder for folder in row_folders(board)}.get(row)


def _verify(folder: Path, tables: Tables, inputs: CheckInputs | None) -> RowVerification:
    try:
        stored = read_row(folder)
        checked = check_all(
            stored.result,
            folder,
            stored.task,
            tables,
            inputs,
            row=stored.file.id,
            by="",
            submitted_by=stored.file.submitted_by,
        )
    except HcmocoBenchError as error:
        line = _CHECK.line("row", str(error), "")
        return RowVerification(folder.name, folder, Level.PAPER, Checklist((line,)))
    checklist = Checklist((_files(stored), *checked.checklist.items, *_fingerprints(stored, checked)))
    levels = stored.file.levels
    repeated = set(checklist.earned)
    return RowVerification(
        stored.file.id,
        folder,
        Level.PAPER if checklist.failed else max(levels),
        checklist,
        tuple(sorted(levels & repeated)),
        tuple(sorted(levels - repeated)),
    )


def _fingerprints(stored: StoredRow, checked: Checked) -> Iterator[CheckItem]:
    for name in ("labels_sha256", "evidence_sha256"):
        found = getattr(checked, name)
        if found and found != getattr(stored.file, name):
            yield _CHECK.line("fingerprints of the row", f"{name} is not that of the evidence", "")


def _files(stored: StoredRow) -> CheckItem:
    wanted = {ROW_FILE, RESULT_FILE, *(one.file for one in stored.result.evidence)}
    there = sorted(stored.folder.iterdir())
    told = [f"{path.name} does not belong there" for path in there if path.name not in wanted]
    if stored.folder.is_symlink() or any(path.is_symlink() or not path.is_file() for path in there):
        told.append("a row consists of files, not of folders or links to files elsewhere")
    return _CHECK.line(
        "files of the row",
        told[:3],
        f"{len(wanted)}, as they should be",
    )


def _folders(board: Path, ids: Sequence[str] | None) -> tuple[Path, ...]:
    found = row_folders(board)
    if ids is None:
        return found
    by_name = {folder.name: folder for folder in found}
    missing = [name for name in ids if name not in by_name]
    if missing:
        raise UsageError(f"{board}: there is no row {', '.join(missing)}; it has {', '.join(by_name) or 'none'}")
    return tuple(by_name[name] for name in ids)
