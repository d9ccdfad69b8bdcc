"""What a pull request changes in a leaderboard, and what of it only a maintainer may do."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path, PurePosixPath

from hcmoco_bench.errors import HcmocoBenchError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.lock import LOCK_FILE
from hcmoco_bench.leaderboard.citations import read_citations
from hcmoco_bench.leaderboard.folder import CITATIONS, PUBLISHED
from hcmoco_bench.leaderboard.rows.links import link_errors
from hcmoco_bench.leaderboard.rows.read import read_row, row_folders
from hcmoco_bench.leaderboard.rows.row_file import ROW_FILE


def pull_request_errors(board: Path, base: Path) -> tuple[str, ...]:
    """What in a leaderboard is not to be merged, compared with what it is to be merged into.

    Rows and tables of papers are added, never changed or removed. A row comes at the level of its evidence: higher
    levels rest on data, predictions or weights that this comparison does not have, and are recorded by those who do.

    Args:
        board: The leaderboard with the changes.
        base: The leaderboard that they are merged into.

    Returns:
        A sentence for each error; none if all is well.

    Raises:
        UsageError: If one of the two is no leaderboard.
    """
    for one in (board, base):
        if not (one / PUBLISHED).is_dir():
            raise UsageError(f"{one}: is no leaderboard (there is no folder {PUBLISHED}); give the folder leaderboards")
    if links := link_errors(board):
        return links
    told = []
    before, after = _files(base), _files(board)
    for name in sorted(before):
        if name not in after:
            told.append(f"{name} was removed; rows and tables stay")
        elif before[name] == after[name]:
            continue
        elif name == CITATIONS:
            told += _changed_citations(base, board)
        else:
            told.append(f"{name} was changed; rows and tables are added, never changed")
    rows = row_folders(board)
    told += [
        f"{name} is new and belongs to no row or table; take it out"
        for name in sorted(set(after) - set(before))
        if not _belongs(PurePosixPath(name), {folder.relative_to(board).as_posix() for folder in rows})
    ]
    known = {folder.relative_to(base) for folder in row_folders(base)}
    for folder in rows:
        if folder.relative_to(board) not in known:
            told += _new_row(folder)
    return tuple(told)


def _new_row(folder: Path) -> list[str]:
    try:
        stored = read_row(folder)
    except HcmocoBenchError as error:
        return [str(error)]
    path, file = folder / ROW_FILE, stored.file
    if above := [check.level for check in file.checks if check.level != "evidence"]:
        told = (
            f"{path}: claims the level {', '.join(above)}; a pull request adds rows at the level evidence, and those "
            "who have the data record more with leaderboard verify --record"
        )
        return [told]
    if file.party == "third":
        told = (
            f"{path}: says that {file.best.by} checked what {file.submitted_by} submits; whoever checks a row for "
            "others records it with leaderboard verify --record"
        )
        return [told]
    return []


def _changed_citations(base: Path, board: Path) -> list[str]:
    before, after = read_citations(base / CITATIONS), read_citations(board / CITATIONS)
    return [
        f"{CITATIONS}: the entry {key} was changed or removed; entries are added, never changed"
        for key, entry in before.items()
        if after.get(key) != entry
    ]


def _belongs(path: PurePosixPath, rows: Collection[str]) -> bool:
    """Whether a file is of a row, whose own files `verify` looks at, or of a table."""
    if str(path.parent) in rows or str(path) == CITATIONS:
        return True
    return str(path.parent) == PUBLISHED and path.suffix == ".toml"


def _files(board: Path) -> dict[str, str]:
    return {
        path.relative_to(board).as_posix(): file_sha256(path)
        for path in sorted(board.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.name != LOCK_FILE
    }
