"""A table's page: ranked rows and papers, what the split can resolve, filters, charts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from hcmoco_bench.files.json import json_text
from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.board import Board
from hcmoco_bench.leaderboard.figure_names import figure_label
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.page.board_rows import (
    DECIMALS,
    MOST_COLUMNS,
    Column,
    More,
    RowText,
    columns,
    figure_names,
    more_figures,
    row_text,
)
from hcmoco_bench.leaderboard.page.charts.ablation_bars import AblationBars, ablation_bars
from hcmoco_bench.leaderboard.page.charts.class_heat import ClassHeat, class_heats
from hcmoco_bench.leaderboard.page.charts.ratio_chart import RatioChart, ratio_chart
from hcmoco_bench.leaderboard.page.figures import decimals_of, rounded, share
from hcmoco_bench.leaderboard.page.row_texts import (
    LevelText,
    board_title,
    cited,
    level_texts,
)
from hcmoco_bench.leaderboard.standing import Standing


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
    names = figure_names(board)
    shown, more = names[:MOST_COLUMNS], names[MOST_COLUMNS:]
    ranked = tuple(row for row in board.rows if row.ranked)
    papers = tuple(row for row in board.rows if not row.ranked)
    groups = [
        Group(heading, tuple(row_text(row, board, shown, decimals) for row in rows))
        for heading, rows, decimals in (
            (_ranked_heading(board.standing, len(ranked)), ranked, dict.fromkeys(shown, DECIMALS)),
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
        columns=columns(board, shown),
        groups=tuple(groups),
        choices=_choices(board),
        more=more_figures(board, more),
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
    difference = rounded(standing.smallest_difference, DECIMALS)
    return (
        f"On this split ({standing.groups:,} {printable(standing.grouped_by)}) two models can be told apart with "
        f"{100 * standing.level:g}\u00a0% confidence if they differ by at least {difference} {unit} "
        f"({standing.draws:,} bootstrap draws); smaller differences may be chance."
    )


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
