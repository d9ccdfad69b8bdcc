"""Figures of classes as tables whose cells are colored by value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.page.figures import decimals_of, rounded
from hcmoco_bench.leaderboard.page.row_texts import labels_of
from hcmoco_bench.leaderboard.row import Row

MOST_ROWS: Final = 50
_MOST_FIGURES: Final = 2
_STEPS: Final = 9


@dataclass(frozen=True)
class Cell:
    """A figure as it is shown, and the number of its color from 0; None without a figure."""

    shown: str
    step: int | None


@dataclass(frozen=True)
class HeatRow:
    """A model."""

    name: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ClassHeat:
    """A table: models by classes."""

    heading: str
    caption: str
    classes: tuple[str, ...]
    rows: tuple[HeatRow, ...]


def class_heats(board: Board) -> tuple[ClassHeat, ...]:
    """The tables of the first two figures that rows have by class; none if no row has any."""
    rows = [row for row in board.rows if row.per_class and not repeats_scores(row)]
    names = dict.fromkeys(name for row in rows for figures in row.per_class.values() for name in figures)
    return tuple(_heat(rows, name) for name in list(names)[:_MOST_FIGURES])


def repeats_scores(row: Row) -> bool:
    """Whether the figures by class are the scores once more, as DensePose's are by measure."""
    return all(f"{name}_{figure}" in row.scores for name, figures in row.per_class.items() for figure in figures)


def _heat(rows: Sequence[Row], figure: str) -> ClassHeat:
    rows = [row for row in rows if any(figures.get(figure) is not None for figures in row.per_class.values())]
    shown = rows[:MOST_ROWS]
    classes = list(dict.fromkeys(name for row in shown for name in row.per_class))
    values = [value for row in shown for name in classes if (value := _value(row, name, figure)) is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    heat_rows = []
    for row, label in zip(shown, labels_of(shown), strict=True):
        own = [_value(row, name, figure) for name in classes]
        decimals = 1 if row.ranked else decimals_of(own)
        cells = (Cell(rounded(value, decimals), _step(value, low, high)) for value in own)
        heat_rows.append(HeatRow(label, tuple(cells)))
    title = figure_label(figure)
    left_out = f" The first {MOST_ROWS} of {len(rows)} models." if len(rows) > MOST_ROWS else ""
    return ClassHeat(
        heading=f"{title[:1].upper()}{title[1:]} by class",
        caption=f"Colors go from {rounded(low, 1)} (lightest on a light page, darkest on a dark one) to "
        f"{rounded(high, 1)}.{left_out}",
        classes=tuple(printable(name) for name in classes),
        rows=tuple(heat_rows),
    )


def _value(row: Row, name: str, figure: str) -> float | None:
    value = row.per_class.get(name, {}).get(figure)
    return value if value is not None and math.isfinite(value) else None


def _step(value: float | None, low: float, high: float) -> int | None:
    if value is None:
        return None
    return min(_STEPS - 1, int(_STEPS * (value - low) / (high - low))) if high > low else _STEPS // 2
