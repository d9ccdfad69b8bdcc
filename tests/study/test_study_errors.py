"""The error of a mean over seeds: its parts by hand, and intervals that hold the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from hcmoco_bench.leaderboard.ties.pairs import compare_pairs
from hcmoco_bench.results.resampling import GroupDraws
from hcmoco_bench.study.seeds_and_groups import CombinedError, combine_errors

LEVEL = 0.95


def test_the_parts_by_hand() -> None:
    """Seeds 1, 2 and 6: mean 3, variance 7, so that the seeds' part is sqrt(7 / 3)."""
    found = combine_errors(2.0, 4.0, [1.0, 2.0, 6.0])
    assert found.groups == 2.0
    assert found.seeds == pytest.approx(math.sqrt(7 / 3))
    assert found.error == pytest.approx(math.sqrt(4 + 7 / 3))
    assert found.degrees == pytest.approx((4 + 7 / 3) ** 2 / (16 / 4 + (7 / 3) ** 2 / 2))
    assert found.half_width(LEVEL) == pytest.approx(stats.t.ppf(0.975, found.degrees) * found.error)
    assert found.p_value(-3.0) == pytest.approx(2 * stats.t.sf(3 / found.error, found.degrees))


def test_one_seed_has_the_error_of_the_groups() -> None:
    found = combine_errors(2.0, 4.0, [1.0])
    assert (found.groups, found.seeds, found.error, found.degrees, found.n_seeds) == (2.0, 0.0, 2.0, 4.0, 1)


def test_a_part_that_is_nothing_leaves_the_other() -> None:
    found = combine_errors(0.0, 4.0, [1.0, 3.0])
    assert (found.error, found.degrees) == pytest.approx((1.0, 1.0))
    found = combine_errors(2.0, 4.0, [1.0, 1.0])
    assert (found.error, found.degrees) == pytest.approx((2.0, 4.0))
    found = combine_errors(1e-200, 4.0, [0.0, 2e-200])
    assert 1 < found.degrees < 5


def test_what_is_not_known_or_has_no_spread() -> None:
    for group_error, told in ((math.nan, "nan"), (0.0, "0.0")):
        found = combine_errors(group_error, 1.0, [1.0, 1.0])
        assert str(found.error) == told
        assert math.isnan(found.p_value(1.0))


def simulated(
    rng: np.random.Generator, n_groups: int, n_seeds: int, spread: tuple[float, float, float]
) -> NDArray[np.float64]:
    """(S, G) differences of two methods whose true difference is 0, by groups, by seeds, and by both."""
    groups, seeds, both = spread
    return (
        groups * rng.normal(size=(1, n_groups))
        + seeds * rng.normal(size=(n_seeds, 1))
        + both * rng.normal(size=(n_seeds, n_groups))
    )


Floats = NDArray[np.float64]


def compared(differences: Floats, weights: Floats, left: Floats) -> CombinedError:
    """The error as a report finds it: the paired bootstrap over groups of scores that are means over seeds."""
    n_groups = differences.shape[1]
    pooled = differences.mean(axis=0)

    def two(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.stack([values, np.zeros_like(values)])

    scores = two(np.array([pooled.mean()]))[:, 0]
    pairs = compare_pairs(scores, two(weights @ pooled / n_groups), two(left @ pooled / (n_groups - 1)), n_groups)
    return combine_errors(
        float(pairs.standard_error[0, 1]), float(pairs.degrees[0, 1]), differences.mean(axis=1).tolist()
    )


RUNS = 1000
LEAST = {2: 0.91, 3: 0.93}
"""Least share by the number of seeds. Two have one degree of freedom, which Satterthwaite's formula takes for more."""


@pytest.mark.parametrize(
    "spread", [(1.0, 0.0, 0.0), (1.0, 1.0, 0.0), (1.0, 0.5, 1.0), (0.3, 1.0, 0.3), (0.1, 1.0, 0.0), (1.0, 0.3, 0.1)]
)
@pytest.mark.parametrize(("n_groups", "n_seeds"), [(5, 3), (20, 3), (5, 2)])
def test_intervals_hold_the_true_difference(n_groups: int, n_seeds: int, spread: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(0)
    draws = GroupDraws.of(n_groups, None, n=200, seed=0)
    weights, left = np.vstack(list(draws.weights())), np.vstack(list(draws.kept_weights()))
    held = 0
    for _ in range(RUNS):
        differences = simulated(rng, n_groups, n_seeds, spread)
        held += abs(differences.mean()) <= compared(differences, weights, left).half_width(LEVEL)
    assert held / RUNS >= LEAST[n_seeds]


def test_errors_of_groups_alone_would_not_hold() -> None:
    """What a comparison of models claims of methods if seeds are forgotten."""
    rng = np.random.default_rng(0)
    draws = GroupDraws.of(5, None, n=200, seed=0)
    weights, left = np.vstack(list(draws.weights())), np.vstack(list(draws.kept_weights()))
    held = 0
    for _ in range(300):
        differences = simulated(rng, 5, 3, (0.3, 1.0, 0.3))
        found = compared(differences, weights, left)
        alone = combine_errors(found.groups, 4.0, [0.0])
        held += abs(differences.mean()) <= alone.half_width(LEVEL)
    assert held / 300 < 0.8
