"""Shares as the paper draws them, and items spread over a list."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hcmoco_bench.uniform import spread, uniform_share


@pytest.mark.parametrize(("step", "size"), [(10, 1799), (100, 179), (200, 89), (500, 35), (1000, 17)])
def test_itops_published_sizes(step: int, size: int) -> None:
    rows = uniform_share(range(17_991), 100 / step)
    assert len(rows) == size
    assert rows[:3] == (0, step, 2 * step)


@pytest.mark.parametrize(
    ("percent", "expected"), [(20, [0, 5]), (10, [0]), (50, [0, 2, 4, 6, 8]), (100, list(range(11)))]
)
def test_every_kth_item_up_to_the_floor(percent: int, expected: list[int]) -> None:
    assert uniform_share("abcdefghijk", percent) == tuple("abcdefghijk"[place] for place in expected)


def test_less_than_k_items_give_none() -> None:
    assert uniform_share(["a"] * 3, 1) == ()
    assert uniform_share([], 10) == ()


@pytest.mark.parametrize("percent", [0, -5, 3, 30, 101, 200, float("nan"), float("inf")])
def test_a_percentage_without_a_whole_step_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="divisor of 100"):
        uniform_share([], percent)


def test_a_spread_takes_all_or_the_middles_of_stretches() -> None:
    names = list("0123456789")
    assert spread(names, 20) == names
    assert spread(names, 3) == ["1", "5", "8"]
    assert spread(names, 1) == ["5"]
    assert spread(names, 0) == []
    assert spread([], 3) == []


@given(st.integers(1, 60), st.integers(1, 60))
def test_a_spread_is_even_and_without_repeats(length: int, number: int) -> None:
    found = spread(range(length), number)
    assert len(found) == min(length, number)
    distances = [after - before for before, after in pairwise(found)]
    assert all(distance >= 1 for distance in distances)
    assert not distances or max(distances) - min(distances) <= 1
