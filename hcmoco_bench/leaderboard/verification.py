"""Verifying leaderboards as wholes: links, what a pull request changes, tables of papers, and every row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.published.add import published_errors
from hcmoco_bench.leaderboard.rows.add import CheckInputs
from hcmoco_bench.leaderboard.rows.changes import pull_request_errors
from hcmoco_bench.leaderboard.rows.links import link_errors
from hcmoco_bench.leaderboard.rows.read import read_row
from hcmoco_bench.leaderboard.rows.verify import RowVerification, raise_level, row_folder, verify_rows
from hcmoco_bench.results.schema import Result
from hcmoco_bench.runtime.progress import Progress, no_progress


def leaderboard_errors(boards: Sequence[Path], base: Path | None = None) -> tuple[str, ...]:
    """What is wrong with leaderboards apart from their rows.

    Where there are symbolic links, nothing else is looked at.

    Args:
        boards: Folders of leaderboards.
        base: The leaderboard that a pull request is merged into; None if they are no pull request.

    Returns:
        A sentence for each error.

    Raises:
        UsageError: If a folder is no leaderboard.
        DataError: If the file of a paper's table is not well formed.
    """
    links = [told for board in boards for told in link_errors(board)]
    if links:
        return tuple(links)
    changes = [] if base is None else [told for board in boards for told in pull_request_errors(board, base)]
    return (*changes, *(told for board in boards for told in published_errors(board)))


def verify_leaderboards(boards: Sequence[Path], *, progress: Progress = no_progress) -> Iterator[RowVerification]:
    """Verify all rows, one at a time; see `verify_rows`."""
    for board in boards:
        yield from verify_rows(board, progress=progress)


@dataclass(frozen=True)
class _Named:
    board: Path
    row: str
    folder: Path


def verify_named(
    boards: Sequence[Path],
    rows: Sequence[str],
    inputs: Callable[[Result], CheckInputs] | None = None,
    *,
    record_by: str | None = None,
    progress: Progress = no_progress,
) -> Iterator[RowVerification]:
    """Verify some rows.

    Args:
        boards: Folders of leaderboards.
        rows: Ids of rows.
        inputs: What is at hand to check a result by; None if nothing is. It goes with a single row.
        record_by: Who runs the checks and keeps what passes in the row; None to keep nothing.
        progress: Told what is done.

    Raises:
        UsageError: If there is no row of an id, `inputs` come with several rows, or there is nothing to record.
        RowRefusedError: If something is to be recorded and a check fails.
    """
    named = [_find(boards, row) for row in rows]
    if inputs is not None and len(named) != 1:
        raise UsageError("--store, --predictions and the like go with one row; name one")
    if record_by is not None and inputs is None:
        raise UsageError("there is nothing to record; give --store or --root, --predictions, --weights or --again")
    for one in named:
        given = None if inputs is None else inputs(read_row(one.folder).result)
        if record_by is not None and given is not None:
            raise_level(one.board, one.row, record_by, given, progress=progress)
            given = None  # it has just been checked
        yield from verify_rows(one.board, [one.row], given, progress=progress)


def _find(boards: Sequence[Path], row: str) -> _Named:
    for board in boards:
        folder = row_folder(board, row)
        if folder is not None:
            return _Named(board, row, folder)
    raise UsageError(f"there is no row {row} in {', '.join(map(str, boards))}")
