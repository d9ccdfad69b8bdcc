"""Intervals and comparisons: against theory, against scipy, and on samples that cannot carry them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike
from scipy import stats

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.results import Evidence, bootstrap_interval, paired_bootstrap, seed_summary


def evidence(values: ArrayLike, prefix: str = "") -> Evidence:
    column = np.asarray(values, dtype=float)
    return Evidence("value", tuple(f"{prefix}{i}" for i in range(len(column))), {"value": column})


def mean(rows: Evidence) -> float:
    return float(rows.columns["value"].mean())


def test_the_interval_is_scipys() -> None:
    values = np.random.default_rng(0).normal(5, 2, 300)
    found = bootstrap_interval(evidence(values), mean, n=2000)
    expected = stats.bootstrap((values,), np.mean, n_resamples=2000, method="percentile", random_state=1)
    np.testing.assert_allclose(found, expected.confidence_interval, atol=0.02)


def test_a_wider_level_gives_a_wider_interval_and_a_seed_the_same_one() -> None:
    values = np.random.default_rng(0).normal(size=50)
    low, high = bootstrap_interval(evidence(values), mean, n=300)
    wide = bootstrap_interval(evidence(values), mean, n=300, level=0.99)
    assert wide[0] < low < mean(evidence(values)) < high < wide[1]
    assert (low, high) == bootstrap_interval(evidence(values), mean, n=300)
    assert (low, high) != bootstrap_interval(evidence(values), mean, n=300, seed=1)


def test_one_sample_has_an_interval_without_width() -> None:
    assert bootstrap_interval(evidence([3.0]), mean, n=10) == (3.0, 3.0)


def test_no_sample_and_no_finite_score_are_errors() -> None:
    for values in ([], [np.nan, np.nan]):
        with pytest.raises(DataError) as caught:
            bootstrap_interval(evidence(values), mean, n=10)
        assert caught.value.kind == "nothing_scored"


def test_draws_without_a_score_are_left_out() -> None:
    """A class in one sample only is absent from a third of the draws."""

    def score(rows: Evidence) -> float:
        values = rows.columns["value"]
        return float(values.max()) if values.any() else float("nan")

    assert bootstrap_interval(evidence([0, 0, 7.0]), score, n=200) == (7.0, 7.0)


class TestGroups:
    """Thirty videos of twenty frames that look all the same: thirty measurements, not six hundred."""

    videos = np.random.default_rng(0).normal(size=30)
    frames = evidence(np.repeat(videos, 20))
    groups = tuple(np.repeat(np.arange(30), 20).tolist())

    def test_the_interval_is_that_of_the_groups(self) -> None:
        found = bootstrap_interval(self.frames, mean, n=500, groups=self.groups)
        np.testing.assert_allclose(found, bootstrap_interval(evidence(self.videos), mean, n=500), atol=1e-12)
        low, high = bootstrap_interval(self.frames, mean, n=500)
        assert found[1] - found[0] > 3 * (high - low)

    def test_groups_of_one_are_samples(self) -> None:
        rows = self.frames.select(np.arange(40))
        assert bootstrap_interval(rows, mean, n=50, groups=range(40)) == bootstrap_interval(rows, mean, n=50)

    def test_a_comparison_of_groups(self) -> None:
        better = evidence(self.frames.columns["value"] + np.random.default_rng(1).normal(0.02, 0.1, 600))
        by_frame, by_video = (
            paired_bootstrap(better, self.frames, mean, n=200, groups=groups) for groups in (None, self.groups)
        )
        assert by_frame.difference == by_video.difference
        with pytest.raises(UsageError, match="29 groups for 600 samples"):
            paired_bootstrap(better, self.frames, mean, groups=range(29))


class TestPaired:
    def test_pairs_make_a_small_difference_visible(self) -> None:
        """Two models whose scores vary far more over samples than between them."""
        rng = np.random.default_rng(0)
        hard = rng.normal(0, 10, 400)
        a, b = evidence(hard + 0.2 + rng.normal(0, 0.5, 400)), evidence(hard)
        found = paired_bootstrap(a, b, mean, n=500)
        assert found.difference == pytest.approx(mean(a) - mean(b))
        assert 0 < found.low < found.difference < found.high
        assert found.p_value < 0.01
        assert found.n_samples == 400
        assert bootstrap_interval(a, mean, n=200)[0] < mean(b)

    def test_the_order_of_the_samples_does_not_matter(self) -> None:
        rng = np.random.default_rng(0)
        a, b = (evidence(rng.normal(size=40)) for _ in range(2))
        assert paired_bootstrap(a, b, mean, n=50) == paired_bootstrap(a, b.select(rng.permutation(40)), mean, n=50)

    def test_the_p_value_is_uniform_where_there_is_no_difference(self) -> None:
        rng = np.random.default_rng(0)
        found = []
        for _ in range(200):
            a, b = (evidence(rng.normal(size=60)) for _ in range(2))
            found.append(paired_bootstrap(a, b, mean, n=100).p_value)
        assert stats.kstest(found, "uniform").statistic < 0.15

    def test_a_model_against_itself(self) -> None:
        a = evidence(np.random.default_rng(0).normal(size=20))
        found = paired_bootstrap(a, a, mean, n=100)
        assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)

    def test_other_samples_are_refused(self) -> None:
        with pytest.raises(UsageError, match="1 only in the first, 1 only in the second"):
            paired_bootstrap(evidence([1, 2, 3]), evidence([1, 2, 3, 4]).select([0, 1, 3]), mean)
        with pytest.raises(UsageError, match="0 only in the first, 1 only in the second"):
            paired_bootstrap(evidence([1, 2]), evidence([1, 2, 3]), mean)


def test_seed_summary() -> None:
    found = seed_summary([1.0, 2.0, 6.0])
    assert found.mean == 3
    assert found.std == pytest.approx(7**0.5)
    assert seed_summary([4.0]).std is None
    with pytest.raises(UsageError):
        seed_summary([])
