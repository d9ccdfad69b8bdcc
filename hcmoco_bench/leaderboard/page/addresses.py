"""Where the pages of a site lie, and that no two share a file."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.leaderboard.board import Leaderboard
from hcmoco_bench.leaderboard.row import BoardKey, Row

INDEX: Final = "index.html"
_NAME: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,198}[a-z0-9])?")
_LONGEST: Final = 120


def board_file(key: BoardKey) -> str:
    """The file of a table, relative to the site; a long name is cut, and told apart by the hash of the whole."""
    name = key.slug
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}-{bytes_sha256(name.encode())[:12]}"
    return f"board/{name}.html"


def model_file(row: Row) -> str:
    """The file of a row with evidence, relative to the site."""
    return f"model/{row.id}.html"


def site_files(leaderboard: Leaderboard) -> list[str]:
    """All files of a site, sorted.

    Raises:
        DataError: If two tables or rows would have the same file (`page_name_twice`), or a name is not fit for one
            (`page_name`); names them.
    """
    boards = [board_file(board.key) for board in leaderboard.boards]
    ids = [row.id for board in leaderboard.boards for row in board.rows]
    _check([Path(name).stem for name in boards], "table")
    _check(ids, "row")
    models = [model_file(row) for board in leaderboard.boards for row in board.rows if row.ranked]
    return sorted([INDEX, *boards, *models])


def _check(names: Iterable[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if not _NAME.fullmatch(name):
            raise DataError(
                f"{what} {name!r}: no page can have this name; use at most 200 lower-case letters, digits and dashes",
                kind="page_name",
            )
        if name in seen:
            raise DataError(f"two {what}s are called {name!r}; give one of them another name", kind="page_name_twice")
        seen.add(name)
