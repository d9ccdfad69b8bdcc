"""Comparisons of all pairs of rows of a table by the paired bootstrap, corrected for their number.

All pairs are tested, not each row against the best: which row is best is read off the same data, and a test that
chooses its reference by looking at the outcome does not keep its level. Ranks follow from all pairs as well: the ranks
that no rejected comparison contradicts hold simultaneously with the confidence of the correction (Al Mohamad, Goeman
and van Zwet 2019, "An improvement of Tukey's HSD with application to ranking institutions", arXiv 1708.02428; and 2021,
"Simultaneous confidence intervals for ranks", Scandinavian Journal of Statistics).

The p-value is that of a t statistic, the difference over its bootstrap standard error (Efron and Tibshirani 1993, "An
Introduction to the Bootstrap", chapters 6 and 16), and not the share of draws with the other sign: of n draws that
share is at least about 2 / (n + 1), which Holm's factor, 4,950 at first for 100 rows, would lift above every level;
and with few groups the percentiles are too narrow, because the bootstrap divides by G and not by G - 1, and because
the normal distribution has lighter tails than t. Both are corrected here: the standard error times sqrt(G / (G - 1)),
and G - 1 degrees of freedom for G groups.
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
        p_value: (R, R) two-sided, of each comparison by itself; 1 on the diagonal.
        adjusted: (R, R) the same by Holm over all R (R - 1) / 2 pairs.
        degrees: Degrees of freedom: groups less one.
    """

    difference: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    p_value: NDArray[np.float64]
    adjusted: NDArray[np.float64]
    degrees: int

    def half_width(self, level: float) -> NDArray[np.float64]:
        """(R, R) half the width of the interval of each difference by itself, at a confidence of 0..1."""
        return critical_value(self.degrees, level) * self.standard_error


def critical_value(degrees: int, level: float) -> float:
    """The value that the absolute t statistic exceeds with the chance 1 - level; nan without degrees of freedom."""
    return float(special.stdtrit(degrees, (1 + level) / 2)) if degrees > 0 else math.nan


def compare_pairs(scores: NDArray[np.float64], draws: NDArray[np.float64], n_groups: int) -> Pairs:
    """Compare all pairs of rows.

    A comparison that cannot be made (a score that is not defined on all samples, or on half of the draws; a single
    group) has the p-value 1. If the difference is the same in every draw and not 0, t would be infinite; then the
    p-value is 2 ** (1 - G), the smallest that exchanging the two rows in each of G groups can give.

    Args:
        scores: (R,) scores on all samples.
        draws: (R, n) scores under the same n draws.
        n_groups: Number of groups G that each draw takes.
    """
    difference = scores[:, None] - scores[None, :]
    error = _standard_errors(draws) * (math.sqrt(n_groups / (n_groups - 1)) if n_groups > 1 else math.nan)
    rounding = _ROUNDING * np.maximum(np.abs(scores)[:, None], np.abs(scores)[None, :])
    p_value = _p_values(difference, error, rounding, n_groups)
    above = np.triu_indices(len(scores), 1)
    adjusted = np.ones_like(p_value)
    adjusted[above] = holm(p_value[above])
    return Pairs(difference, error, p_value, np.minimum(adjusted, adjusted.T), n_groups - 1)


def _standard_errors(draws: NDArray[np.float64]) -> NDArray[np.float64]:
    """(R, R) standard deviation of the differences over draws, a row at a time: never all R x R x n differences."""
    n_rows, n = draws.shape
    error = np.zeros((n_rows, n_rows))
    defined = np.isfinite(draws)
    whole = bool(defined.all())
    for row in range(n_rows - 1):
        differences = draws[row] - draws[row + 1 :]
        if whole:
            found = differences.std(axis=1, ddof=1)
        else:
            found = np.array([_standard_deviation(one, n) for one in differences])
        error[row, row + 1 :] = error[row + 1 :, row] = found
    return error


def _standard_deviation(differences: NDArray[np.float64], n: int) -> float:
    kept = differences[np.isfinite(differences)]
    return float(kept.std(ddof=1)) if len(kept) >= max(2, _LEAST_DEFINED * n) else math.nan


def _p_values(
    difference: NDArray[np.float64], error: NDArray[np.float64], rounding: NDArray[np.float64], n_groups: int
) -> NDArray[np.float64]:
    size = np.abs(difference)
    known = np.isfinite(difference) & np.isfinite(error)
    differs = known & (size > rounding)
    spread = differs & (error > rounding)
    t = np.divide(size, error, out=np.zeros_like(size), where=spread)
    p_value = np.where(spread, 2 * special.stdtr(max(1, n_groups - 1), -t), 1.0)
    return np.where(differs & ~spread, 2.0 ** (1 - n_groups), p_value)
