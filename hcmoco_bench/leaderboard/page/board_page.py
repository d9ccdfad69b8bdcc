"""A table's page: rows as texts and numbers, filters, charts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from hcmoco_bench.files.json import json_text
from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.page.addresses import model_file
from hcmoco_bench.leaderboard.page.charts.ablation_bars import AblationBars, ablation_bars
from hcmoco_bench.leaderboard.page.charts.class_heat import ClassHeat, class_heats
from hcmoco_bench.leaderboard.page.charts.ratio_chart import RatioChart, ratio_chart
from hcmoco_bench.leaderboard.page.figures import MISSING, decimals_of, figure_label, rounded, share
from hcmoco_bench.leaderboard.page.row_texts import (
    LevelText,
    SourceText,
    board_title,
    cited,
    facts_of,
    level_texts,
    notes_of,
    sources_of,
    spread_of,
)
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.leaderboard.standing import Standing

MOST_COLUMNS: Final = 10
"""Figures that the table shows; further ones stand in a table of their own."""
_DECIMALS: Final = 2


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
class Group:
    """Rows that are ranked against each other, or that are not ranked at all."""

    heading: str
    rows: tuple[RowText, ...]


@dataclass(frozen=True)
class Choice:
    """A filter: values and texts of its options."""

    name: str
    label: str
    everything: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MoreRow:
    """A row of the table of further figures."""

    name: str
    labels: str
    shown: tuple[str, ...]


@dataclass(frozen=True)
class More:
    """The table of further figures."""

    heading: str
    labels: tuple[str, ...]
    rows: tuple[MoreRow, ...]


@dataclass(frozen=True)
class BoardPage:
    """What the template of a table is filled with."""

    title: str
    task: str
    protocol: str
    variant: str
    data: str
    split: str
    main: str
    unit: str
    higher_is_better: bool
    resolution: str
    caption: str
    n_evidence: int
    columns: tuple[Column, ...]
    groups: tuple[Group, ...]
    choices: tuple[Choice, ...]
    more: More | None
    ratios: RatioChart | None
    ablations: tuple[AblationBars, ...]
    heats: tuple[ClassHeat, ...]
    levels: tuple[LevelText, ...]
    citations: Markup


def board_page(board: Board, siblings: Iterable[Board], citations: Mapping[str, str]) -> BoardPage:
    """A table's page.

    Args:
        board: The table.
        siblings: Tables that differ from it by the split alone.
        citations: BibTeX entries by key.
    """
    names = _figure_names(board)
    shown, more = names[:MOST_COLUMNS], names[MOST_COLUMNS:]
    ranked = tuple(row for row in board.rows if row.ranked)
    papers = tuple(row for row in board.rows if not row.ranked)
    groups = [
        Group(heading, tuple(_row(row, board, shown, decimals) for row in rows))
        for heading, rows, decimals in (
            (_ranked_heading(board.standing, len(ranked)), ranked, dict.fromkeys(shown, _DECIMALS)),
            (_PAPERS, papers, {name: decimals_of(row.scores.get(name) for row in papers) for name in shown}),
        )
        if rows
    ]
    key = board.key
    return BoardPage(
        title=board_title(board),
        task=printable(key.task),
        protocol=printable(key.protocol),
        variant=printable(key.variant),
        data=printable(key.data),
        split=printable(key.split),
        main=figure_label(board.main),
        unit=printable(board.unit),
        higher_is_better=board.higher_is_better,
        resolution=_resolution(board, len(ranked)),
        caption=f"{board_title(board)}: {len(ranked)} rows with evidence, {len(papers)} from papers.",
        n_evidence=len(ranked),
        columns=_columns(board, shown),
        groups=tuple(groups),
        choices=_choices(board),
        more=_more(board, more),
        ratios=ratio_chart(board, siblings),
        ablations=ablation_bars(board),
        heats=class_heats(board),
        levels=level_texts(),
        citations=inert_json(cited(board.rows, citations)),
    )


def inert_json(value: object) -> Markup:
    """JSON that can stand in a script element: no text of it can end the element."""
    text = json_text(value)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return Markup(text)


_PAPERS: Final = (
    "Figures of papers. They come without evidence, so nothing here can check them or tell whether a difference from "
    "another row is chance: they are shown beside the ranked rows and not ranked."
)


def _ranked_heading(standing: Standing | None, n: int) -> str:
    if n == 1:
        return "One row with evidence; there is no other to compare it with."
    if standing is None:
        return "Rows with evidence, by main score; they have not been compared with each other."
    return (
        "Rows with evidence. A rank is the interval of places that the comparison leaves open; rows that the best one "
        "does not beat are tied with it."
    )


def _resolution(board: Board, n: int) -> str:
    standing = board.standing
    if standing is None or standing.smallest_difference is None or n < 2:
        return ""
    unit = {"%": "percentage points"}.get(board.unit, printable(board.unit))
    difference = rounded(standing.smallest_difference, _DECIMALS)
    return (
        f"On this split ({standing.groups:,} {printable(standing.grouped_by)}) two models can be told apart with "
        f"{100 * standing.level:g}\u00a0% confidence if they differ by at least {difference} {unit} "
        f"({standing.draws:,} bootstrap draws); smaller differences may be chance."
    )


def _figure_names(board: Board) -> list[str]:
    """The main score, then those of its family (`gps_AP50` beside `gps_AP`), then the rest in the order of the rows."""
    names = list(dict.fromkeys(name for row in board.rows for name in row.scores))
    family = board.main.rpartition("_")[0]
    rest = [name for name in names if name != board.main]
    near = [name for name in rest if family and name.rpartition("_")[0] == family]
    return [board.main, *near, *(name for name in rest if name not in near)]


def _columns(board: Board, shown: Sequence[str]) -> tuple[Column, ...]:
    better = "desc" if board.higher_is_better else "asc"
    main, *others = (Column(printable(name), figure_label(name), "number", better) for name in shown)
    return (
        Column("rank", "Rank", "text", "asc"),
        Column("model", "Model", "text", "asc"),
        Column("labels", "Labels", "number", "desc"),
        main,
        Column("level", "Level", "text", "asc"),
        Column("pretraining", "Pre-training", "text", "asc"),
        Column("backbone", "Backbone", "text", "asc"),
        *others,
    )


def _row(row: Row, board: Board, shown: Sequence[str], decimals: Mapping[str, int]) -> RowText:
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
        facts=facts_of(row),
        sources=sources_of(row),
        notes=notes_of(row),
    )


def _figure(value: float | None, decimals: int) -> Figure:
    known = value is not None and math.isfinite(value)
    return Figure(repr(float(value)) if known and value is not None else "", rounded(value, decimals, _DECIMALS))


def _choices(board: Board) -> tuple[Choice, ...]:
    levels = sorted({row.level for row in board.rows} - {Level.PAPER})
    shares = sorted({row.ratio for row in board.rows if row.ratio is not None})
    methods = sorted({printable(row.method) for row in board.rows if row.method})
    offered = (
        Choice("level", "Level", "all rows", tuple((str(int(one)), f"{one.word} or higher") for one in levels)),
        Choice("labels", "Labels", "any share", tuple((repr(float(one)), share(one)) for one in shares)),
        Choice("method", "Pre-training", "any", tuple((one, one) for one in methods)),
    )
    least = {"level": 1, "labels": 2, "method": 2}
    return tuple(choice for choice in offered if len(choice.options) >= least[choice.name])


def _more(board: Board, names: Sequence[str]) -> More | None:
    if not names:
        return None
    papers = {name: decimals_of(row.scores.get(name) for row in board.rows if not row.ranked) for name in names}
    rows = tuple(
        MoreRow(
            printable(row.name),
            share(row.ratio),
            tuple(
                rounded(row.scores.get(name), _DECIMALS if row.ranked else papers[name], _DECIMALS) for name in names
            ),
        )
        for row in board.rows
    )
    return More(f"{len(names)} further figures", tuple(figure_label(name) for name in names), rows)
