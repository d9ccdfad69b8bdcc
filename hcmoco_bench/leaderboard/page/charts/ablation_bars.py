"""Steps of an ablation study as bars, in the order in which they add up."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.page.charts.scale import Scale, Tick, round_ticks, tick_text
from hcmoco_bench.leaderboard.page.figures import decimals_of, rounded, share
from hcmoco_bench.leaderboard.row import Row

_WIDTH, _LEFT, _RIGHT, _TOP, _STEP = 720, 300, 650, 14, 32
_LONGEST_LABEL: Final = 45


@dataclass(frozen=True)
class Bar:
    """A step; `label` is its name cut short, `whisker` the SVG path of its 95 % interval, empty without one."""

    name: str
    label: str
    shown: str
    y: int
    width: float
    text_x: float
    whisker: str


@dataclass(frozen=True)
class AblationBars:
    """The bars of one study; all coordinates in px."""

    id: str
    heading: str
    text: str
    caption: str
    bars: tuple[Bar, ...]
    ticks: tuple[Tick, ...]
    bottom: int
    height: int
    width: int = _WIDTH
    left: int = _LEFT


def ablation_bars(board: Board) -> tuple[AblationBars, ...]:
    """A chart for each study of a table; steps belong to one study if backbone and share of labels are the same."""
    studies: defaultdict[tuple[str, float], list[Row]] = defaultdict(list)
    for row in board.rows:
        if row.ablation is not None and row.score is not None:
            studies[(row.backbone, -1.0 if row.ratio is None else row.ratio)].append(row)
    charts = []
    for number, (_, rows) in enumerate(sorted(studies.items())):
        rows.sort(key=lambda row: (row.ablation or 0, row.id))
        charts.append(_chart(board, rows, f"ablation-{number}"))
    return tuple(charts)


def _chart(board: Board, rows: list[Row], name: str) -> AblationBars:
    first = rows[0]
    highest = max(max(row.score or 0.0, row.ci95[1] if row.ci95 else 0.0) for row in rows)
    values = round_ticks(min(0.0, *(row.score or 0.0 for row in rows)), highest)
    x = Scale(values[0], values[-1], _LEFT, _RIGHT)
    decimals = decimals_of(row.score for row in rows if not row.ranked)
    bars = tuple(_bar(row, at, x, 2 if row.ranked else decimals) for at, row in enumerate(rows))
    settings = [share(first.ratio) + " of the labels"] if first.ratio is not None else []
    settings += [printable(first.backbone)] if first.backbone else []
    heading = "Ablation" + (f", {', '.join(settings)}" if settings else "")
    label = figure_label(board.main) + (f" in {board.unit}" if board.unit else "")
    bottom = _TOP + _STEP * len(rows)
    return AblationBars(
        id=name,
        heading=heading,
        text=f"{label}: {'; '.join(f'{bar.name} {bar.shown}' for bar in bars)}.",
        caption=f"{label}. Steps add up from top to bottom; thin lines are 95 % intervals, where rows have evidence.",
        bars=bars,
        ticks=tuple(Tick(x(value), tick_text(value, values)) for value in values),
        bottom=bottom,
        height=bottom + 24,
    )


def _bar(row: Row, at: int, x: Scale, decimals: int) -> Bar:
    y, score = _TOP + at * _STEP, row.score or 0.0
    whisker, end = "", x(score)
    if row.ci95 is not None:
        low, high = (x(value) for value in row.ci95)
        whisker, end = f"M{low} {y + 11}H{high}M{low} {y + 7}v8M{high} {y + 7}v8", max(end, high)
    label = printable(row.name)
    short = label if len(label) <= _LONGEST_LABEL else label[: _LONGEST_LABEL - 1] + "…"
    return Bar(label, short, rounded(row.score, decimals), y, round(max(0.0, x(score) - _LEFT), 1), end + 8, whisker)
