from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.plotting.skeleton_prior import LEFT, MIDDLE, RIGHT, BoneBar, skeletons_figure

BARS = [BoneBar(f"bone {n}", 0.05 + n / 1000, 0.01) for n in range(16)]


def test_each_skeleton_is_drawn_from_the_front_and_the_side(tmp_path: Path) -> None:
    skeletons = np.random.default_rng(0).normal(size=(3, 17, 3))
    figure = skeletons_figure(
        skeletons,
        title="three",
        bones={"one": BARS, "other": BARS},
        pitch={"one": np.linspace(0, 20, 50)},
        marks={"release": 12.6},
    )
    axes = [axis for part in figure.subfigs for axis in part.axes]
    drawn = [axis for axis in axes if len(axis.lines) == 16]
    assert len(drawn) == 6
    colors = [line.get_color() for line in drawn[0].lines]
    assert [colors.count(color) for color in (LEFT, RIGHT, MIDDLE)] == [6, 6, 4]
    middle = (skeletons[0].min(0) + skeletons[0].max(0)) / 2
    front, side = drawn[0].lines[0].get_xydata(), drawn[3].lines[0].get_xydata()
    np.testing.assert_allclose(front, (skeletons[0] - middle)[[0, 1]][:, [0, 1]])
    np.testing.assert_allclose(side, (skeletons[0] - middle)[[0, 1]][:, [2, 1]])
    low, high = drawn[0].get_ylim()
    assert low > high, "y points down"
    bars, pitch = axes[-2:]
    assert len(bars.patches) == 32
    assert pitch.lines[0].get_xdata()[0] == 12.6
    save_figure(figure, tmp_path / "prior.png")
    assert (tmp_path / "prior.png").stat().st_size > 10_000


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="at least one skeleton"):
        skeletons_figure(np.zeros((0, 17, 3)), title="", bones={"one": BARS})
    with pytest.raises(ValueError, match="one set of bones"):
        skeletons_figure(np.zeros((1, 17, 3)), title="", bones={})
    assert skeletons_figure(np.zeros((1, 17, 3)), title="", bones={"one": BARS}).subfigs
