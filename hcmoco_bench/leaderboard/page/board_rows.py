"""Rows of a table as its page shows them: columns, figures at full precision and as digits, texts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.page.addresses import model_file
from hcmoco_bench.leaderboard.page.figures import MISSING, decimals_of, rounded, share
from hcmoco_bench.leaderboard.page.row_texts import SourceText, labels_of, notes_of, result_facts, sources_of, spread_of
from hcmoco_bench.leaderboard.row import Row

MOST_COLUMNS: Final = 10
"""Figures that the table shows; further ones stand in a table of their own."""

DECIMALS: Final = 2
"""Decimals of figures that have evidence; those of papers keep the digits that were printed."""


@dataclass(frozen=True)
class Column:
    """A column: name in copies and in the address, label, `number` or `text`, and the order of a first click."""

    name: str
    label: str
    kind: str
    first: str


@dataclass(frozen=True)
class Figure:
    """A figure: at full precision for sorting and copies (empty without one), and as it is shown."""

    value: str
    shown: str


@dataclass(frozen=True)
class RowText:
    """A row as the template shows it; all texts are from outside."""

    id: str
    name: str
    address: str
    rank: str
    rank_value: str
    tied: bool
    method: str
    start: str
    backbone: str
    labels: str
    labels_value: str
    main: Figure
    spread: str
    figures: tuple[Figure, ...]
    level: str
    level_number: int
    party: str
    cite: str
    facts: Sequence[tuple[str, str]]
    sources: Sequence[SourceText]
    notes: Sequence[str]


@dataclass(frozen=True)
class MoreRow:
    """A row of the table of further figures."""

    name: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class More:
    """The table of further figures."""

    heading: str
    labels: tuple[str, ...]
    rows: tuple[MoreRow, ...]


def figure_names(board: Board) -> list[str]:
    """The main score, then those of its family (`gps_AP50` beside `gps_AP`), then the rest in the order of the rows."""
    names = list(dict.fromkeys(name for row in board.rows for name in row.scores))
    family = board.main.rpartition("_")[0]
    rest = [name for name in names if name != board.main]
    near = [name for name in rest if family and name.rpartition("_")[0] == family]
    return [board.main, *near, *(name for name in rest if name not in near)]


def columns(board: Board, shown: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a table, of which these figures are some."""
    better = "desc" if board.higher_is_better else "asc"
    main, *others = (Column(printable(name), figure_label(name), "number", better) for name in shown)
    return (
        Column("rank", "Rank", "text", "asc"),
        Column("model", "Model", "text", "asc"),
        main,
        Column("labels", "Labels", "number", "desc"),
        Column("level", "Level", "text", "asc"),
        Column("pretraining", "Pre-training", "text", "asc"),
        Column("backbone", "Backbone", "text", "asc"),
        *others,
    )


def row_text(row: Row, board: Board, shown: Sequence[str], decimals: Mapping[str, int]) -> RowText:
    """A row of a table.

    Args:
        row: The row.
        board: Its table.
        shown: Names of the figures that the table shows, the main score first.
        decimals: Decimals of each.
    """
    main, *figures = (_figure(row.scores.get(name), decimals[name]) for name in shown)
    interval = board.standing.ranks.get(row.id) if board.standing is not None else None
    rank, value = MISSING, ""
    if interval is not None:
        value = f"{interval.best}" if interval.best == interval.worst else f"{interval.best}-{interval.worst}"
        rank = value.replace("-", "–")
    start = " · ".join(part for part in (f"from {row.init}" if row.init else "", row.pretrain_data) if part)
    return RowText(
        id=row.id,
        name=printable(row.name),
        address=f"../{model_file(row)}" if row.ranked else "",
        rank=rank,
        rank_value=value,
        tied=interval is not None
        and interval.tied_with_best
        and len(board.standing.ranks if board.standing else ()) > 1,
        method=printable(row.method),
        start=printable(start),
        backbone=printable(row.backbone),
        labels=share(row.ratio),
        labels_value="" if row.ratio is None else repr(float(row.ratio)),
        main=main,
        spread=spread_of(row),
        figures=tuple(figures),
        level=row.level.word,
        level_number=int(row.level),
        party=row.party or "",
        cite=" ".join(printable(source.paper) for source in row.sources if source.paper),
        facts=result_facts(row),
        sources=sources_of(row),
        notes=notes_of(row),
    )


def _figure(value: float | None, decimals: int) -> Figure:
    known = value is not None and math.isfinite(value)
    return Figure(repr(float(value)) if known and value is not None else "", rounded(value, decimals, DECIMALS))


def more_figures(board: Board, names: Sequence[str]) -> More | None:
    """A table of these figures, which the main one has no room for; None if there are none."""
    if not names:
        return None
    papers = {name: decimals_of(row.scores.get(name) for row in board.rows if not row.ranked) for name in names}
    rows = tuple(
        MoreRow(
            label,
            tuple(rounded(row.scores.get(name), DECIMALS if row.ranked else papers[name], DECIMALS) for name in names),
        )
        for row, label in zip(board.rows, labels_of(board.rows), strict=True)
    )
    return More(f"{len(names)} further figures", tuple(figure_label(name) for name in names), rows)
