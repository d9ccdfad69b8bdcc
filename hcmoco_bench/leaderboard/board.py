"""A table of comparable rows, and all tables of a leaderboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hcmoco_bench.leaderboard.row import BoardKey, Row
from hcmoco_bench.leaderboard.standing import Standing


@dataclass(frozen=True)
class Board:
    """The rows of one task under one protocol on one split of one data set.

    Attributes:
        key: What its rows share.
        title: The task's title with what distinguishes this table, for headings.
        rows: Rows with evidence by main score, best first; then those without, in the order of their sources.
        main: Name of the main score.
        unit: Unit of the main score.
        higher_is_better: Whether a higher main score is better.
        standing: The comparison of the rows with evidence; None if there are fewer than one, or it was not asked for.
    """

    key: BoardKey
    title: str
    rows: tuple[Row, ...]
    main: str
    unit: str
    higher_is_better: bool
    standing: Standing | None = None


@dataclass(frozen=True)
class Leaderboard:
    """All tables.

    Attributes:
        boards: Sorted by key.
        citations: BibTeX entries by key.
        remarks: What publications state without the scores that a row would need, a paragraph each.
    """

    boards: tuple[Board, ...]
    citations: Mapping[str, str]
    remarks: tuple[str, ...] = ()
