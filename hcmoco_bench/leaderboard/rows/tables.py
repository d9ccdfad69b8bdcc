"""The tables of a leaderboard, as far as a row's place depends on them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.leaderboard.folder import leaderboards_folder
from hcmoco_bench.leaderboard.published.read import board_tables
from hcmoco_bench.leaderboard.published.strips import strips
from hcmoco_bench.leaderboard.row import BoardKey
from hcmoco_bench.leaderboard.rows.place_check import Tables, by_table
from hcmoco_bench.leaderboard.rows.read import stored_rows


def tables_of(board: Path) -> Tables:
    """Rows by table, and the tables that only papers have, here or in the packaged leaderboard, without any.

    Rows that cannot be read are left out; verifying them tells why.
    """
    rows = by_table(one.placed for one in stored_rows(board, unreadable=lambda _: None))
    return dict.fromkeys(_published(board), ()) | dict(rows)


def _published(board: Path) -> Iterator[BoardKey]:
    for folder in dict.fromkeys([leaderboards_folder().resolve(), board.resolve()]):
        try:
            tables = board_tables(folder)
        except HcmocoBenchError:
            continue  # which verifying the tables tells
        yield from (strip.run.key for strip in strips(tables))
