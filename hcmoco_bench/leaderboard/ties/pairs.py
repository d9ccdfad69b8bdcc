"""Comparisons of all pairs of rows of a table by the paired bootstrap, corrected for their number.

**All pairs** are tested, not each row against the best: which row is best is read off the same data, and a test that
chooses its reference by looking at the outcome does not keep its level. Ranks follow from all pairs as well: the ranks
that no significant comparison contradicts hold simultaneously, with the confidence of the correction (Al Mohamad,
Goeman and van Zwet, "Simultaneous confidence intervals for ranks with application to ranking institutions", 2019 and
2021).

**The p-value** is that of a t statistic, the difference over its standard error, and not the share of draws with the
other sign. Of n draws the smallest such p-value is 2 / (n + 1), which Holm's factor (4,950 at first for 100 rows) lifts
above every level; and with few groups the percentiles are too narrow, because the bootstrap divides by G and not by
G - 1, and because a normal distribution has lighter tails than t.

**The standard error** is the larger of two: the standard deviation over the draws of the paired bootstrap times
sqrt(G / (G - 1)), and that of the jackknife, which leaves out each group in turn (Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993, chapters 6 and 11). In scores that are ratios of sums, a large group pulls the
score towards itself, so that the bootstrap finds too little spread; the jackknife does not (MacKinnon, Nielsen and
Webb, "Fast and reliable jackknife and bootstrap methods for cluster-robust inference", 2023).

**The degrees of freedom** are G - 1 only if all groups count alike. Otherwise few groups make up most of the variance,
which is then known less well (Satterthwaite, "An approximate distribution of estimates of variance components", 1946).
Let u be what each group, left out, changes in the difference, less the mean of these changes. If they are normal with
variances c, then E (sum u^2)^2 = (sum c)^2 + 2 sum c^2 and E sum u^4 = 3 sum c^2. So 3 (sum u^2)^2 / sum u^4 - 2
estimates (sum c)^2 / sum c^2, the number of groups that matter, and one less is the degrees of freedom. One difference
alone makes this a noisy estimate. A group that is large in the difference is mostly large in the sum of the two scores
as well, so that a second estimate is made from the mean of both shares u^2 / sum u^2, for which the factors 3 and 2 are
2 and 1. The smaller of the two counts, at least 1 and at most the number of parts that are left out less 1. With G - 1
throughout, 8 to 10 % of simulated boards of mIoU with 10 to 25 people held a false claim instead of 5 %;
`benchmarks/rank_coverage.py` shows that the intervals hold as they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from hcmoco_bench.leaderboard.ties.holm import holm

_ROUNDING: Final = 1e-12
"""Differences and standard errors below this share of the larger score are rounding, and count as 0."""
_LEAST_DEFINED: Final = 0.5
"""Share of the draws on which both scores must be defined for a comparison to be made."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """All comparisons of R rows; in each matrix, [i, j] compares row i with row j.

    Attributes:
        difference: (R, R) score of i less that of j; nan if one is not defined.
        standard_error: (R, R) standard error of the difference; nan where it is not known.
        degrees: (R, R) degrees of freedom of t, 1 to G - 1.
        p_value: (R, R) two-sided, of each comparison by itself; 1 on the diagonal.
        adjusted: (R, R) the same by Holm over all R (R - 1) / 2 pairs.
    """

    difference: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    degrees: NDArray[np.float64]
    p_value: NDArray[np.float64]
    adjusted: NDArray[np.float64]

    def half_width(self, level: float) -> NDArray[np.float64]:
        """(R, R) half the width of the interval of each difference by itself, at a confidence of 0..1."""
        return np.asarray(special.stdtrit(self.degrees, (1 + level) / 2) * self.standard_error)


def compare_pairs(
    scores: NDArray[np.float64], draws: NDArray[np.float64], left_out: NDArray[np.float64], n_groups: int
) -> Pairs:
    """Compare all pairs of rows.

    A comparison that cannot be made has the p-value 1: where a score is not defined on all samples, on half of the
    draws, or once a group is left out; and with a single group. If every group has the same difference, other than 0, t
    would be infinite; then the p-value is 2 ** (1 - G), the smallest that exchanging the two rows in each of G groups
    can give.

    Args:
        scores: (R,) scores on all samples.
        draws: (R, n) scores under the same n draws.
        left_out: (R, K) scores without each of K parts of the groups; K = 0 for a single group.
        n_groups: Number of groups G that each draw takes.
    """
    difference = scores[:, None] - scores[None, :]
    error, degrees = _errors(draws, left_out, n_groups)
    rounding = _ROUNDING * np.maximum(np.abs(scores)[:, None], np.abs(scores)[None, :])
    p_value = _p_values(difference, error, degrees, rounding, n_groups)
    above = np.triu_indices(len(scores), 1)
    adjusted = np.ones_like(p_value)
    adjusted[above] = holm(p_value[above])
    return Pairs(difference, error, degrees, p_value, np.minimum(adjusted, adjusted.T))


def _errors(
    draws: NDArray[np.float64], left_out: NDArray[np.float64], n_groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(R, R) standard errors and degrees of freedom, a row at a time: never all R x R x n differences."""
    n_rows, n_parts = left_out.shape
    error, degrees = np.zeros((n_rows, n_rows)), np.ones((n_rows, n_rows))
    if n_groups < 2:
        return np.full((n_rows, n_rows), math.nan), degrees
    correction = math.sqrt(n_groups / (n_groups - 1))
    for row in range(n_rows - 1):
        others = slice(row + 1, None)
        bootstrap = correction * _standard_deviations(draws[row] - draws[others])
        squares = _squared_changes(left_out[row] - left_out[others])
        jackknife = np.sqrt((n_parts - 1) / n_parts * squares.sum(axis=1))
        error[row, others] = error[others, row] = np.maximum(bootstrap, jackknife)
        degrees[row, others] = degrees[others, row] = np.minimum(
            _degrees(_shares(squares), 1),
            _degrees((_shares(squares) + _shares(_squared_changes(left_out[row] + left_out[others]))) / 2, 2),
        )
    return error, degrees


def _squared_changes(left_out: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((left_out - left_out.mean(axis=1, keepdims=True)) ** 2)


def _shares(squares: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, K) share of each part in the sum; equal shares where nothing changes."""
    total = squares.sum(axis=1, keepdims=True)
    equal = np.full_like(squares, 1 / squares.shape[1])
    return np.asarray(np.divide(squares, total, out=equal, where=total > 0))


def _degrees(shares: NDArray[np.float64], of: int) -> NDArray[np.float64]:
    """(P,) degrees of freedom by shares (P, K) that are the mean of those of `of` quantities."""
    return np.asarray(np.clip((1 + 2 / of) * (1 / (shares**2).sum(axis=1) - 1), 1, shares.shape[1] - 1))


def _standard_deviations(differences: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P,) standard deviations over the draws on which a difference is defined; nan with too few of them."""
    defined = np.isfinite(differences)
    if defined.all():
        return np.asarray(differences.std(axis=1, ddof=1))
    least = max(2, _LEAST_DEFINED * differences.shape[1])
    kept = zip(differences, defined, strict=True)
    return np.array([one[known].std(ddof=1) if known.sum() >= least else math.nan for one, known in kept])


def _p_values(
    difference: NDArray[np.float64],
    error: NDArray[np.float64],
    degrees: NDArray[np.float64],
    rounding: NDArray[np.float64],
    n_groups: int,
) -> NDArray[np.float64]:
    size = np.abs(difference)
    differs = np.isfinite(difference) & np.isfinite(error) & (size > rounding)
    spread = differs & (error > rounding)
    t = np.divide(size, error, out=np.zeros_like(size), where=spread)
    p_value = np.where(spread, 2 * special.stdtr(degrees, -t), 1.0)
    return np.where(differs & ~spread, 2.0 ** (1 - n_groups), p_value)
