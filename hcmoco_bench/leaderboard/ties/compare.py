"""Comparing two or more rows: difference, interval, p-value, and what can be claimed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.leaderboard.ties.pairs import compare_pairs
from hcmoco_bench.leaderboard.ties.ranks import LEVEL, beats
from hcmoco_bench.leaderboard.ties.scoring import Contender, Scoring
from hcmoco_bench.leaderboard.ties.table import DRAWS, draw_table


@dataclass(frozen=True)
class PairComparison:
    """Score of one row less that of another on the same samples.

    Attributes:
        first: Name of the first row.
        second: Name of the second row.
        first_score: Score of the first row, the mean over its seeds.
        second_score: Score of the second row.
        difference: First less second; nan if a score is not defined.
        low: Lower end of the interval of this difference by itself; nan if it cannot be told (a single sample).
        high: Upper end.
        p_value: Two-sided p-value of this comparison by itself.
        adjusted_p_value: The same by Holm's correction over all comparisons made together.
        better: Name of the row that is better by the adjusted p-value; None if neither is.
        level: Confidence, 0..1, of the interval, and of all comparisons together.
        comparisons: Number of comparisons made together.
        n_samples: Number of samples.
        n_groups: Number of groups that the bootstrap draws.
        grouped_by: What a group is, in the plural.
        score: Name of the score, e.g. `mIoU`.
        unit: Unit of the difference, e.g. `points`.
    """

    first: str
    second: str
    first_score: float
    second_score: float
    difference: float
    low: float
    high: float
    p_value: float
    adjusted_p_value: float
    better: str | None
    level: float
    comparisons: int
    n_samples: int
    n_groups: int
    grouped_by: str
    score: str
    unit: str

    @property
    def verdict(self) -> str:
        """What can be claimed, in one sentence."""
        if self.better is None:
            return f"No difference can be claimed between {self.first} and {self.second}."
        worse = self.second if self.better == self.first else self.first
        size = " ".join(filter(None, (f"{abs(self.difference):.1f}", self.unit)))
        return f"{self.better} is better than {worse} by {size} of {self.score}."

    @property
    def grounds(self) -> str:
        """The difference, its interval, its p-values, and what was drawn, in one sentence."""
        unit = f" {self.unit}" if self.unit else ""
        interval = f"{100 * self.level:g} % interval {self.low:+.1f} to {self.high:+.1f}"
        if math.isnan(self.low):
            interval = "no interval"
        p_value = _p(self.p_value)
        if self.comparisons > 1:
            p_value += f", {_p(self.adjusted_p_value)} by Holm over {self.comparisons} comparisons"
        return (
            f"{self.first} minus {self.second}: {self.difference:+.1f}{unit} ({interval}, {p_value}; paired bootstrap "
            f"over the {self.n_groups} {self.grouped_by} of the split)."
        )


def compare_rows(
    rows: Sequence[Row | Contender],
    scoring: Scoring,
    *,
    n: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
    cache: Path | None = None,
) -> tuple[PairComparison, ...]:
    """Compare each row with each that follows it, by the same draws.

    The correction is over the comparisons of these rows; in a table with more rows, `standing` corrects over all.

    Args:
        rows: Two or more rows with evidence.
        scoring: Their score.
        n: Number of draws.
        seed: Seed of the draws.
        level: Confidence of the intervals, and of all comparisons together, 0..1.
        cache: Folder that keeps drawn scores; None to draw anew every time.

    Raises:
        UsageError: If there are fewer than two rows, or they were scored on different samples; says how many only one
            has.
        DataError: If evidence is missing, damaged, or not the file whose hash the row states.
    """
    if len(rows) < 2:
        raise UsageError(f"{len(rows)} row is nothing to compare; give at least two")
    table = draw_table(rows, scoring, n=n, seed=seed, cache=cache)
    pairs = compare_pairs(table.scores, table.draws, table.left_out, table.n_groups)
    won = beats(pairs, higher_is_better=scoring.higher_is_better, level=level)
    half = pairs.half_width(level)
    all_pairs = tuple(combinations(range(len(rows)), 2))
    return tuple(
        PairComparison(
            first=rows[i].name,
            second=rows[j].name,
            first_score=float(table.scores[i]),
            second_score=float(table.scores[j]),
            difference=float(pairs.difference[i, j]),
            low=float(pairs.difference[i, j] - half[i, j]),
            high=float(pairs.difference[i, j] + half[i, j]),
            p_value=float(pairs.p_value[i, j]),
            adjusted_p_value=float(pairs.adjusted[i, j]),
            better=rows[i].name if won[i, j] else rows[j].name if won[j, i] else None,
            level=level,
            comparisons=len(all_pairs),
            n_samples=len(table.samples.ids),
            n_groups=table.n_groups,
            grouped_by=table.samples.grouped_by,
            score=scoring.name,
            unit=scoring.unit,
        )
        for i, j in all_pairs
    )


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
