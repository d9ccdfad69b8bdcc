"""Where the rows of a table stand: rank intervals and ties, for the rows that have evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class RankInterval:
    """The ranks that a row may have, given all comparisons of its table.

    Attributes:
        best: Lowest possible rank, from 1: one more than the number of rows that beat it.
        worst: Highest possible rank: the number of rows less that of rows that it beats.
        tied_with_best: Whether the row of the best score does not beat it.
    """

    best: int
    worst: int
    tied_with_best: bool


@dataclass(frozen=True)
class Standing:
    """The comparison of all rows of a table that have evidence.

    Attributes:
        ranks: Rank interval by row id; rows without evidence have none.
        smallest_difference: Difference of two rows' main scores from which this split tells them apart, in the score's
            unit; None with fewer than two rows.
        groups: Number of groups that the bootstrap draws.
        grouped_by: What a group is, e.g. `performers` or `images`.
        draws: Number of draws.
        level: Simultaneous confidence of all intervals, 0..1.
    """

    ranks: Mapping[str, RankInterval]
    smallest_difference: float | None
    groups: int
    grouped_by: str
    draws: int
    level: float
