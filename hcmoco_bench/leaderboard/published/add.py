"""Adding the figures of a paper: a table's file is checked and copied, never changed afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.leaderboard.citations import read_citations
from hcmoco_bench.leaderboard.folder import CITATIONS, PUBLISHED, leaderboards_folder
from hcmoco_bench.leaderboard.published.checks import finding_differences
from hcmoco_bench.leaderboard.published.claims import check_claims, claim_differences, published_claims
from hcmoco_bench.leaderboard.published.read import board_tables, read_published_table
from hcmoco_bench.leaderboard.published.schema import PublishedTable


def add_published_table(path: Path, board: Path) -> PublishedTable:
    """Check the file of a printed table and copy it into a leaderboard.

    Args:
        path: The file; its stem becomes the table's name there.
        board: Folder of the leaderboard; made if it does not exist.

    Raises:
        UsageError: If the leaderboard has a table of that name.
        DataError: If the file is not well formed, the paper has no BibTeX entry, or the checks find something odd that
            the file does not declare (`published_table`).
        StoreError: If it cannot be written.
    """
    table = read_published_table(path)
    target = board / PUBLISHED / f"{table.stem}.toml"
    (board / PUBLISHED).mkdir(parents=True, exist_ok=True)
    with folder_lock(board):
        if target.exists():
            raise UsageError(f"{target}: is there already; tables of papers are added, never changed")
        places = dict.fromkeys([leaderboards_folder().resolve(), board.resolve()])
        told = [
            *_without_citation([table], places),
            *finding_differences([*(one for place in places for one in board_tables(place)), table]),
        ]
        if told:
            raise DataError(f"{path}: {'; '.join(told)}", kind="published_table", file=str(path))
        write_atomic(target, path.read_bytes())
    return table


def published_errors(board: Path) -> tuple[str, ...]:
    """What is wrong among the tables of papers of a leaderboard: oddities that no file declares, and the reverse.

    Args:
        board: Folder of the leaderboard.

    Returns:
        A sentence for each; none if all is well.

    Raises:
        DataError: If a file is not well formed.
    """
    folder = board / PUBLISHED
    if not folder.is_dir():
        return ()
    tables = board_tables(board)
    claims = [told for file in published_claims(folder) for told in claim_differences(check_claims(file.claim, tables))]
    return (*_without_citation(tables, [board, leaderboards_folder()]), *finding_differences(tables), *claims)


def _without_citation(tables: Sequence[PublishedTable], places: Sequence[Path] | dict[Path, None]) -> list[str]:
    known = {key for place in places if (place / CITATIONS).is_file() for key in read_citations(place / CITATIONS)}
    return [
        f"{table.stem}: there is no BibTeX entry {table.paper}; add it to {CITATIONS} of the leaderboard"
        for table in tables
        if table.paper not in known
    ]
