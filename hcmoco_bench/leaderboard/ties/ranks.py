"""Rank intervals of the rows of a table: ranks that no comparison contradicts, all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.leaderboard.standing import RankInterval, Standing
from hcmoco_bench.leaderboard.ties.pairs import Pairs, compare_pairs
from hcmoco_bench.leaderboard.ties.scoring import Contender, Scoring
from hcmoco_bench.leaderboard.ties.table import DRAWS, draw_table

LEVEL: Final = 0.95


def standing(
    rows: Sequence[Row | Contender],
    scoring: Scoring,
    *,
    n: int = DRAWS,
    seed: int = 0,
    level: float = LEVEL,
    cache: Path | None = None,
) -> Standing:
    """Compare all rows of a table and say where each may stand.

    Args:
        rows: Rows with evidence, one or more; ids are unique.
        scoring: Their score.
        n: Number of draws.
        seed: Seed of the draws.
        level: Simultaneous confidence of all intervals, 0..1.
        cache: Folder that keeps drawn scores; None to draw anew every time.

    Raises:
        UsageError: If rows were scored on different samples; says how many only one has.
        DataError: If evidence is missing, damaged, or not the file whose hash the row states.
    """
    table = draw_table(rows, scoring, n=n, seed=seed, cache=cache)
    pairs = compare_pairs(table.scores, table.draws, table.left_out, table.n_groups)
    ranks = rank_intervals(table.scores, pairs, higher_is_better=scoring.higher_is_better, level=level)
    return Standing(
        ranks={row.id: rank for row, rank in zip(rows, ranks, strict=True)},
        smallest_difference=smallest_difference(pairs, level),
        groups=table.n_groups,
        grouped_by=table.samples.grouped_by,
        draws=n,
        level=level,
    )


def beats(pairs: Pairs, *, higher_is_better: bool, level: float) -> NDArray[np.bool_]:
    """(R, R) whether row i is better than row j by Holm's correction over all pairs."""
    better = pairs.difference > 0 if higher_is_better else pairs.difference < 0
    return better & (pairs.adjusted <= 1 - level)


def rank_intervals(
    scores: NDArray[np.float64], pairs: Pairs, *, higher_is_better: bool, level: float
) -> tuple[RankInterval, ...]:
    """Rank interval of each row; with the stated confidence all true ranks lie within them.

    Of rows that are truly equal, each has all the ranks that they share.

    Args:
        scores: (R,) scores; the row of the best one is that with which others are tied.
        pairs: Comparisons of the rows.
        higher_is_better: Whether a higher score is better.
        level: Simultaneous confidence, 0..1.
    """
    beaten = beats(pairs, higher_is_better=higher_is_better, level=level)
    worst = np.where(np.isfinite(scores), scores if higher_is_better else -scores, -np.inf)
    best = int(np.argmax(worst))
    return tuple(
        RankInterval(
            best=1 + int(beaten[:, row].sum()),
            worst=len(scores) - int(beaten[row].sum()),
            tied_with_best=not beaten[best, row],
        )
        for row in range(len(scores))
    )


def smallest_difference(pairs: Pairs, level: float) -> float | None:
    """Smallest difference of two rows, compared with each other alone, that is significant on this split.

    It is the median, over all pairs, of half the width of a difference's interval. It describes the split and not the
    length of the table: Holm's correction over many rows asks for more.

    Returns:
        Difference in the score's unit; None with fewer than two rows that differ, or with a single group.
    """
    half = pairs.half_width(level)[np.triu_indices(len(pairs.difference), 1)]
    spread = half[np.isfinite(half) & (half > 0)]
    return float(np.median(spread)) if len(spread) else None
