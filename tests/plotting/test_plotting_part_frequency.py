"""The part-frequency plot shows the shares it was given."""

from __future__ import annotations

import numpy as np

from hcmoco_bench.plotting.part_frequency import part_frequency


def test_bars_are_percentages_without_background() -> None:
    pixels = np.zeros(25, np.int64)
    pixels[[0, 1, 20]] = 1000, 30, 90
    frames = np.zeros(25, np.int64)
    frames[[0, 1, 20]] = 4, 1, 4
    left, right = part_frequency(pixels, frames, 4).axes
    widths = [[bar.get_width() for bar in axis.patches] for axis in (left, right)]
    assert len(widths[0]) == 24
    assert (widths[0][0], widths[0][19], sum(widths[0])) == (25, 75, 100)
    assert (widths[1][0], widths[1][19], sum(widths[1])) == (25, 100, 125)


def test_nothing_counted_draws_empty_bars() -> None:
    figure = part_frequency(np.zeros(25, np.int64), np.zeros(25, np.int64), 0)
    assert all(bar.get_width() == 0 for axis in figure.axes for bar in axis.patches)
