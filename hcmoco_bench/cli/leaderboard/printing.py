"""Checklists, tables and verifications in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from hcmoco_bench.cli.console import err, labeled, out

if TYPE_CHECKING:
    from hcmoco_bench.leaderboard.board import Board
    from hcmoco_bench.leaderboard.rows.checklist import Checklist
    from hcmoco_bench.leaderboard.rows.verify import RowVerification


def show_checklist(checklist: Checklist) -> None:
    """Print the lines of a checklist."""
    styles = {"pass": "green", "fail": "bold red", "not applicable": "dim"}
    table = Table("level", "check", "outcome", "detail", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[3].overflow = "fold"
    for item in checklist.items:
        table.add_row(item.level, item.check, Text(item.outcome, style=styles[item.outcome]), item.detail)
    out.print(table)


def say_published(places: Sequence[Path]) -> None:
    """Say how many figures of papers leaderboards hold, after they were checked."""
    from hcmoco_bench.leaderboard.published.read import board_tables

    for place in places:
        if tables := board_tables(place):
            out.print(
                f"{sum(table.n_figures for table in tables):,} figures of {len(tables)} published tables checked with "
                "each other, and all that is odd about them is declared",
                highlight=False,
                soft_wrap=True,
            )


def say_verified(found: Sequence[RowVerification]) -> None:
    """Say how many rows passed, which levels rest on records, and which rows failed."""
    failed = [one.id for one in found if not one.ok]
    recorded = [one for one in found if one.ok and one.recorded]
    out.print(f"{len(found) - len(failed)} of {len(found)} rows verified", highlight=False)
    for one in recorded:
        words = ", ".join(level.word for level in one.recorded)
        out.print(
            f"{one.id}: {words} rest on the record of the check; give --store, --weights, ... to repeat it",
            highlight=False,
            soft_wrap=True,
        )
    if failed:
        err.print(labeled("failed:", ", ".join(failed), style="bold red"), soft_wrap=True)


def show_board(board: Board, metric: str | None) -> None:
    """Print a table with what its rows share, its notes, and what its ranks mean."""
    from hcmoco_bench.leaderboard.tables import shown_table

    shown = shown_table(board, metric)
    out.print(shown.heading, style="bold", highlight=False, soft_wrap=True)
    if shown.shared:
        out.print(f"All rows: {shown.shared}.", highlight=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in shown.frame.columns:
        numbers = name in {"score", "ratio"}
        table.add_column(name.replace("_", " "), justify="right" if numbers else "left", overflow="fold")
    for values in shown.frame.astype(str).to_numpy().tolist():
        table.add_row(*values)
    out.print(table)
    for mark, note in shown.notes:
        out.print(f"{mark:>2} {note}" if mark else note, highlight=False, style="dim")
    out.print(shown.closing, highlight=False, soft_wrap=True)
    out.print()
