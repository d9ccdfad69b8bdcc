"""Comparisons of pairs: against scipy, brute force and theory, and where nothing can be compared."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from hcmoco_bench.leaderboard.ties.holm import holm
from hcmoco_bench.leaderboard.ties.pairs import Pairs, compare_pairs
from hcmoco_bench.leaderboard.ties.ranks import beats, rank_intervals, smallest_difference
from hcmoco_bench.results.resampling import GroupDraws


def compare(values: ArrayLike, *, n: int = 2000) -> tuple[NDArray[np.float64], Pairs]:
    """Compare rows (R, G) whose scores are means over G groups of one sample each."""
    table = np.asarray(values, dtype=float)
    draws = GroupDraws.of(table.shape[1], None, n=n, seed=0)
    drawn, left_out = (
        np.stack([table[:, rows].mean(axis=1) for rows in all_rows], axis=1)
        if table.shape[1] > 1
        else np.zeros((len(table), 0))
        for all_rows in (draws.rows(), draws.kept_rows())
    )
    if table.shape[1] == 1:
        drawn = np.repeat(table, n, axis=1)
    return table.mean(axis=1), compare_pairs(table.mean(axis=1), drawn, left_out, table.shape[1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_holm_is_the_closed_test_over_bonferroni(p_values: list[float]) -> None:
    """By closure, a hypothesis falls if every set that holds it does; each set is tested by Bonferroni."""
    m = len(p_values)
    sets = [one for size in range(1, m + 1) for one in combinations(range(m), size)]
    bonferroni = {one: min(1.0, len(one) * min(p_values[i] for i in one)) for one in sets}
    expected = [max(p for one, p in bonferroni.items() if i in one) for i in range(m)]
    np.testing.assert_allclose(holm(np.array(p_values)), expected, rtol=1e-12)


def test_the_standard_error_is_scipys_bootstraps() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, 60) + rng.normal(0, 0.5, (2, 60))
    _, pairs = compare(values, n=5000)
    difference = values[0] - values[1]
    expected = stats.bootstrap((difference,), np.mean, n_resamples=5000, rng=np.random.default_rng(1))
    assert pairs.standard_error[0, 1] == pytest.approx(expected.standard_error * math.sqrt(60 / 59), rel=0.04)
    assert pairs.difference[0, 1] == pytest.approx(difference.mean(), abs=1e-12)


def test_the_p_value_is_that_of_the_paired_t_test() -> None:
    """Of means over groups of equal size the jackknife's standard error is s / sqrt(G), to the last digits."""
    rng = np.random.default_rng(1)
    values = rng.normal(0, 3, 40) + rng.normal([[0.2], [0], [0.9]], 1, (3, 40))
    _, pairs = compare(values)
    for i, j in combinations(range(3), 2):
        expected = stats.ttest_rel(values[i], values[j])
        jackknife = stats.sem(values[i] - values[j])
        assert jackknife * (1 - 1e-12) <= pairs.standard_error[i, j] <= 1.05 * jackknife
        t = pairs.difference[i, j] / pairs.standard_error[i, j]
        assert pairs.p_value[i, j] == pytest.approx(2 * stats.t.sf(abs(t), pairs.degrees[i, j]), rel=1e-9)
        assert pairs.p_value[i, j] == pytest.approx(expected.pvalue, rel=0.5)
        half = stats.t.ppf(0.975, pairs.degrees[i, j]) * pairs.standard_error[i, j]
        assert pairs.half_width(0.95)[i, j] == pytest.approx(half, rel=1e-9)
    adjusted = holm(pairs.p_value[np.triu_indices(3, 1)])
    np.testing.assert_allclose(pairs.adjusted[np.triu_indices(3, 1)], adjusted)
    np.testing.assert_array_equal(pairs.adjusted, pairs.adjusted.T)


def test_degrees_of_freedom_are_those_of_the_groups_that_matter() -> None:
    """With 40 groups alike, most of 39; where 5 of them hold the variance, about 4."""

    def median(sizes: ArrayLike) -> float:
        rows = [sizes * np.random.default_rng(seed).normal(size=(2, 40)) for seed in range(100)]
        return float(np.median([compare(one, n=2)[1].degrees[0, 1] for one in rows]))

    assert 25 < median(1) <= 39
    assert 1 < median(np.where(np.arange(40) < 5, 20, 1)) < 6


class TestNothingToCompare:
    def test_a_row_against_itself(self) -> None:
        row = np.random.default_rng(0).normal(size=20)
        _, pairs = compare([row, row, row + 1e-15])
        assert (pairs.p_value == 1).all()
        assert (pairs.adjusted == 1).all()
        assert smallest_difference(compare([row, row])[1], 0.95) is None

    @pytest.mark.parametrize(("groups", "expected"), [(2, 0.5), (5, 1 / 16), (10, 1 / 512)])
    def test_the_same_difference_in_every_group(self, groups: int, expected: float) -> None:
        """Without spread the p-value is that of the exact test by exchange: all signs alike, of 2 ** G."""
        row = np.random.default_rng(0).normal(size=groups)
        _, pairs = compare([row + 1, row])
        exact = stats.permutation_test(
            (row + 1, row), lambda a, b, axis: (a - b).mean(axis), permutation_type="samples", vectorized=True
        )
        assert pairs.p_value[0, 1] == expected
        assert exact.pvalue == pytest.approx(expected)

    def test_a_single_group(self) -> None:
        scores, pairs = compare([[1.0], [2.0]], n=10)
        assert pairs.p_value[0, 1] == 1
        assert math.isnan(pairs.half_width(0.95)[0, 1])
        assert smallest_difference(pairs, 0.95) is None
        assert [(one.best, one.worst) for one in rank_intervals(scores, pairs, higher_is_better=True, level=0.95)] == [
            (1, 2),
            (1, 2),
        ]

    def test_scores_that_are_not_defined(self) -> None:
        rng = np.random.default_rng(0)
        values = rng.normal([[0], [5], [9]], 1, (3, 30))
        scores, draws = values.mean(axis=1), values[:, rng.integers(30, size=(200, 30))].mean(axis=2)
        left_out = (values.sum(axis=1, keepdims=True) - values) / 29
        complete = compare_pairs(scores, draws, left_out, 30)
        some, most, once = draws.copy(), draws.copy(), left_out.copy()
        some[0, :50] = most[0, :150] = once[0, 3] = np.nan
        found = compare_pairs(scores, some, left_out, 30)
        np.testing.assert_allclose(found.standard_error[0, 1], complete.standard_error[0, 1], rtol=0.2)
        assert found.standard_error[1, 2] == complete.standard_error[1, 2]
        unscored = compare_pairs(np.array([np.nan, *scores[1:]]), draws, left_out, 30)
        for pairs in (compare_pairs(scores, most, left_out, 30), compare_pairs(scores, draws, once, 30), unscored):
            assert pairs.p_value[0].tolist() == [1, 1, 1]
            assert pairs.p_value[1, 2] < 1e-9
        intervals = rank_intervals(np.array([np.nan, *scores[1:]]), unscored, higher_is_better=True, level=0.95)
        assert [(one.best, one.worst, one.tied_with_best) for one in intervals] == [
            (1, 3, True),
            (2, 3, False),
            (1, 2, True),
        ]


class TestRanks:
    def test_by_hand(self) -> None:
        """A and B beat C, A beats D; the rest is undecided."""
        difference = np.subtract.outer([4.0, 3.5, 1.0, 2.0], [4.0, 3.5, 1.0, 2.0])
        adjusted = np.ones((4, 4))
        for i, j in ((0, 2), (1, 2), (0, 3)):
            adjusted[i, j] = adjusted[j, i] = 0.05
        pairs = Pairs(difference, difference, difference, adjusted, adjusted)
        scores = np.array([4.0, 3.5, 1.0, 2.0])
        up, down = (
            rank_intervals(sign * scores, _turned(pairs, sign), higher_is_better=sign > 0, level=0.95)
            for sign in (1, -1)
        )
        assert [(one.best, one.worst) for one in up] == [(1, 2), (1, 3), (3, 4), (2, 4)]
        assert [one.tied_with_best for one in up] == [True, True, False, False]
        assert up == down

    @given(st.integers(1, 7), st.integers(2, 12), st.integers(0, 1000))
    @settings(max_examples=40, deadline=None)
    def test_ranks_in_order_of_scores_always_fit(self, n_rows: int, groups: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        values = rng.normal(rng.normal(0, 2, (n_rows, 1)), 1, (n_rows, groups))
        scores, pairs = compare(values, n=50)
        intervals = rank_intervals(scores, pairs, higher_is_better=True, level=0.95)
        ranks = stats.rankdata(-scores)
        assert all(one.best <= rank <= one.worst for one, rank in zip(intervals, ranks, strict=True))
        assert intervals[int(np.argmax(scores))].tied_with_best
        assert all(
            one.tied_with_best == (not beats(pairs, higher_is_better=True, level=0.95)[np.argmax(scores), row])
            for row, one in enumerate(intervals)
        )


def _turned(pairs: Pairs, sign: int) -> Pairs:
    return Pairs(sign * pairs.difference, pairs.standard_error, pairs.degrees, pairs.p_value, pairs.adjusted)
