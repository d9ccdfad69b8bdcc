"""Score against share of the training labels, a line a method."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.page.charts.scale import Scale, Tick, round_ticks, tick_text
from hcmoco_bench.leaderboard.page.figures import rounded, share
from hcmoco_bench.leaderboard.row import Row

MOST_LINES: Final = 8
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 340, 56, 700, 28, 290
_LOGARITHMIC_FROM: Final = 5.0


@dataclass(frozen=True)
class Point:
    """A figure of a line: coordinates, and its texts."""

    x: float
    y: float
    labels: str
    shown: str


@dataclass(frozen=True)
class Line:
    """The figures of a method, by share of labels.

    Attributes:
        name: For the legend.
        split: Where the figures were scored.
        other: Whether that is another split than the table's; such figures are marked, and joined to nothing.
        color: Number of the color.
        shape: Number of the marker.
        points: By share.
        path: SVG path through them; empty for one point.
    """

    name: str
    split: str
    other: bool
    color: int
    shape: int
    points: tuple[Point, ...]
    path: str


@dataclass(frozen=True)
class RatioChart:
    """The chart; all coordinates in px."""

    label: str
    text: str
    caption: str
    series: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    right: int = _RIGHT
    bottom: int = _BOTTOM


_Key = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class _Series:
    name: str
    split: str
    values: dict[float, float]


def ratio_chart(board: Board, siblings: Iterable[Board] = ()) -> RatioChart | None:
    """The chart of a table's rows; None if they all have one share of labels.

    Of a method that has only steps of an ablation at some share, the last step stands for it, to which all others add.

    Args:
        board: The table.
        siblings: Tables of the same task, protocol, variant and data on other splits; their figures are marked, and
            never joined with the table's.
    """
    own = _series(board)
    others = [one for sibling in siblings if sibling.main == board.main for one in _series(sibling)]
    chosen = _best([*own, *others], board)
    shares = sorted({ratio for one in chosen for ratio in one.values})
    if len(shares) < 2:
        return None
    values = [value for one in chosen for value in one.values.values()]
    heights = round_ticks(min(values), max(values))
    logarithmic = shares[0] > 0 and shares[-1] / shares[0] > _LOGARITHMIC_FROM
    x = Scale(shares[0], shares[-1], _LEFT + 20, _RIGHT - 20, logarithmic)
    y = Scale(heights[0], heights[-1], _BOTTOM, _TOP)
    names = list(dict.fromkeys(one.name for one in chosen))
    lines = tuple(_line(one, names.index(one.name), one.split != board.key.split, x, y) for one in chosen)
    unit = f" ({board.unit})" if board.unit else ""
    return RatioChart(
        label=f"{figure_label(board.main)}{unit}",
        text=" ".join(_sentence(line) for line in lines),
        caption=_caption(board, lines, len(own) + len(others), logarithmic),
        series=lines,
        x_ticks=tuple(Tick(x(value), share(value)) for value in shares),
        y_ticks=tuple(Tick(y(value), tick_text(value, heights)) for value in heights),
    )


def _series(board: Board) -> list[_Series]:
    grouped: defaultdict[_Key, list[Row]] = defaultdict(list)
    for row in _whole_methods(board.rows):
        grouped[_key(row)].append(row)
    apart = _distinguishing(list(grouped))
    found = []
    for key, rows in grouped.items():
        name = printable(", ".join(part for at, part in enumerate(key) if part and at in apart)) or "unknown"
        distinct = len({row.ratio for row in rows}) == len(rows)
        # Two models of one method and share cannot stand on one line; then each row is its own.
        pieces = [(name, rows)] if distinct else [(printable(row.name), [row]) for row in rows]
        for label, members in pieces:
            values = {row.ratio: row.score for row in members if row.ratio is not None and row.score is not None}
            found.append(_Series(label, board.key.split, dict(sorted(values.items()))))
    return found


def _whole_methods(rows: Sequence[Row]) -> list[Row]:
    """The rows with a share and a score, without steps of an ablation that do not stand for their method."""
    found: list[Row] = []
    steps: defaultdict[tuple[_Key, float], list[Row]] = defaultdict(list)
    for row in rows:
        if row.ratio is not None and row.score is not None:
            (found if row.ablation is None else steps[(_key(row), row.ratio)]).append(row)
    drawn = {(_key(row), row.ratio) for row in found}
    for place, members in steps.items():
        last = max(row.ablation or 0 for row in members)
        whole = [row for row in members if row.ablation == last]
        if place not in drawn and len(whole) == 1:  # of two, neither is the method's figure
            found += whole
    return found


def _key(row: Row) -> _Key:
    """What the figures of a line share, in words: their method comes first, then what may tell two lines apart."""
    start = f"from {row.init}" if row.init else ""
    return row.method, row.backbone, start, row.pretrain_data, "" if row.ranked else "paper"


def _distinguishing(keys: Sequence[_Key]) -> set[int]:
    """Places of the keys in which lines of one method differ, and that of the method."""
    found = {0}
    for method in {key[0] for key in keys}:
        same = [key for key in keys if key[0] == method]
        found |= {at for at in range(len(same[0])) if len({key[at] for key in same}) > 1}
    return found


def _best(series: Sequence[_Series], board: Board) -> list[_Series]:
    """The lines that are drawn: those of this table with the most shares, then the best score."""
    sign = -1 if board.higher_is_better else 1
    return sorted(
        series,
        key=lambda one: (
            one.split != board.key.split,
            -len(one.values),
            min(sign * value for value in one.values.values()),
            one.name,
        ),
    )[:MOST_LINES]


def _line(one: _Series, number: int, other: bool, x: Scale, y: Scale) -> Line:
    points = tuple(Point(x(ratio), y(value), share(ratio), rounded(value, 2)) for ratio, value in one.values.items())
    joined = "L".join(f"{point.x} {point.y}" for point in points)
    name = f"{one.name}, scored on {printable(one.split)}" if other else one.name
    path = f"M{joined}" if len(points) > 1 and not other else ""
    return Line(name, printable(one.split), other, number, number % 4, points, path)


def _sentence(line: Line) -> str:
    return f"{line.name}: {', '.join(f'{point.shown} at {point.labels}' for point in line.points)}."


def _caption(board: Board, lines: Sequence[Line], total: int, logarithmic: bool) -> str:
    told = [f"{len(lines)} of {total} lines are drawn."] if total > len(lines) else []
    if logarithmic:
        told.append("The horizontal axis is logarithmic.")
    if any(line.other for line in lines):
        told.append(
            f"Hollow markers are figures on another split than {printable(board.key.split)}; they are not "
            "comparable with the others and are joined to nothing."
        )
    told.append("The vertical axis need not begin at 0.")
    return " ".join(told)
