"""Uncertainty of scores: bootstrap over samples, paired comparison of two models, mean and deviation over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.resampling import GroupDraws

Score = Callable[[Evidence], float]
"""A score of per-sample statistics, higher or lower being better."""


@dataclass(frozen=True)
class PairedDifference:
    """Score of one model less that of another on the same samples.

    Attributes:
        difference: First less second, on all samples.
        low: Lower end of the interval.
        high: Upper end of the interval.
        p_value: Two-sided: how often a resampled difference has the other sign (or is 0), in (0, 1].
        n_samples: Samples that both scored.
    """

    difference: float
    low: float
    high: float
    p_value: float
    n_samples: int


@dataclass(frozen=True)
class SeedSummary:
    """Mean over seeds and standard deviation with n - 1; None with one seed."""

    mean: float
    std: float | None


def bootstrap_interval(
    evidence: Evidence,
    score: Score,
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    groups: Sequence[Hashable] | None = None,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a score: samples are drawn anew with repetition `n` times.

    Samples count as independent. Frames of one video are not, and their interval comes out too narrow; then whole
    groups are drawn.

    Args:
        evidence: Statistics of the samples.
        score: From statistics to the score; draws where it is not finite are left out.
        n: Number of draws.
        seed: Of the draws.
        level: Share of the draws within the interval, 0..1.
        groups: What each sample belongs to (a video, a person), in the order of the evidence; None for samples that do
            not depend on each other.

    Returns:
        Lower and upper end.

    Raises:
        DataError: If there is no sample, or no draw has a finite score (`nothing_scored`).
    """
    found = [score(evidence.select(rows)) for rows in GroupDraws.of(len(evidence), groups, n=n, seed=seed).rows()]
    return percentile_interval(np.array(found), level)


def paired_bootstrap(
    first: Evidence,
    second: Evidence,
    score: Score,
    *,
    n: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    groups: Sequence[Hashable] | None = None,
) -> PairedDifference:
    """Compare two models on the same samples: each draw takes the same samples for both.

    Args:
        first: Statistics of one model.
        second: Statistics of the other, in any order.
        score: As for `bootstrap_interval`.
        n: Number of draws.
        seed: Of the draws.
        level: Share of the draws within the interval, 0..1.
        groups: As for `bootstrap_interval`, in the order of `first`.

    Raises:
        UsageError: If the two were not scored on the same samples; says how many only one has.
        DataError: If there is no sample, or no draw has a finite score (`nothing_scored`).
    """
    places = {name: row for row, name in enumerate(second.sample_ids)}
    missing = [name for name in first.sample_ids if name not in places]
    if missing or len(places) != len(first):
        raise UsageError(
            f"two results on different samples cannot be compared in pairs: {len(missing)} only in the first, "
            f"{len(places) - len(first) + len(missing)} only in the second; evaluate both on the same split"
        )
    aligned = second.select([places[name] for name in first.sample_ids])
    draws = GroupDraws.of(len(first), groups, n=n, seed=seed)
    found = np.array([score(first.select(rows)) - score(aligned.select(rows)) for rows in draws.rows()])
    low, high = percentile_interval(found, level)
    drawn = found[np.isfinite(found)]
    against = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, 2 * (against + 1) / (len(drawn) + 1))
    return PairedDifference(score(first) - score(aligned), low, high, p_value, len(first))


def seed_summary(scores: Sequence[float]) -> SeedSummary:
    """Summarize the scores of several seeds. Raises UsageError without any."""
    if not scores:
        raise UsageError("no scores to summarize; give at least one seed")
    return SeedSummary(float(np.mean(scores)), float(np.std(scores, ddof=1)) if len(scores) > 1 else None)


def mean_of_known(values: Sequence[float | None]) -> float | None:
    """Mean of the values that are there and finite; None if none is."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(known) / len(known) if known else None


def percentile_interval(found: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Interval that holds a share `level` of the scores of the draws; those that are not finite are left out.

    Raises:
        DataError: If no score is finite (`nothing_scored`).
    """
    finite = found[np.isfinite(found)]
    if not len(finite):
        raise DataError("the score is not defined on any draw of the samples", kind="nothing_scored")
    low, high = np.quantile(finite, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
