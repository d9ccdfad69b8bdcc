"""Uniform shares as the paper draws them."""

from __future__ import annotations

import pytest

from hcmoco_bench.errors import UsageError
from hcmoco_bench.tasks.core.uniform import uniform_rows


@pytest.mark.parametrize(("step", "size"), [(10, 1799), (100, 179), (200, 89), (500, 35), (1000, 17)])
def test_itops_published_sizes(step: int, size: int) -> None:
    rows = uniform_rows(17_991, f"{100 / step:g}", task="itop_pose")
    assert len(rows) == size
    assert rows[:3] == [0, step, 2 * step]


@pytest.mark.parametrize("percent", ["30", "0", "many", "", "-10", "200", "nan"])
def test_other_shares_are_refused(percent: str) -> None:
    with pytest.raises(UsageError, match="densepose: train_"):
        uniform_rows(100, percent, task="densepose")


def test_a_share_of_less_than_one_sample_is_refused() -> None:
    with pytest.raises(UsageError, match="larger --ratio"):
        uniform_rows(9, "10", task="densepose")
