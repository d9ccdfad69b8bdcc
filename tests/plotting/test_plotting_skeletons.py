from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_hex

from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.plotting.skeletons import (
    PREDICTED,
    WRONG,
    SkeletonImage,
    accuracy_curve,
    joint_bars,
    skeleton_sheet,
)


def image(name: str, off: float) -> SkeletonImage:
    rng = np.random.default_rng(0)
    true = rng.uniform([-0.5, -0.9, 2.5], [0.5, 0.8, 3.0], (15, 3))
    predicted = true.copy()
    predicted[4] += [off, 0, 0]
    pixels = [160 + 285 * joints[:, :2] / joints[:, 2:] for joints in (true, predicted)]
    return SkeletonImage(name, np.full((240, 320), 3, np.float32), true, predicted, *pixels)


def test_wrong_joints_are_red(tmp_path: Path) -> None:
    figure = skeleton_sheet([image("good", 0.05), image("bad", 0.2)])
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles[0] == "good: 100 % within 10 cm"
    assert titles[2] == "bad: 93 % within 10 cm"
    colors = [[to_hex(color) for color in axis.collections[1].get_facecolors()] for axis in figure.axes[:4]]
    assert [row.count(WRONG) for row in colors] == [0, 0, 1, 1]
    assert colors[2][4] == WRONG
    assert colors[0].count(PREDICTED) == 15
    save_figure(figure, tmp_path / "sheet.png")
    assert (tmp_path / "sheet.png").stat().st_size > 10_000


def test_many_images_go_into_lines() -> None:
    figure = skeleton_sheet([image(str(number), 0.0) for number in range(5)])
    assert len([axis for axis in figure.axes if axis.get_title().startswith(tuple("01234"))]) == 5
    with pytest.raises(ValueError, match="at least one"):
        skeleton_sheet([])


def test_curve_and_bars() -> None:
    thresholds = np.arange(0.0, 30.5, 0.5)
    curve = accuracy_curve(thresholds, {"all joints": thresholds / 30, "upper": thresholds / 60})
    assert [line.get_label() for line in curve.axes[0].get_lines()[:2]] == ["all joints", "upper"]
    np.testing.assert_allclose(curve.axes[0].get_lines()[1].get_ydata()[-1], 50.0 + 0.0)
    bars = joint_bars({"head": {"accuracy": 80.0}, "left hand": {"accuracy": None}})
    assert [bar.get_width() for bar in bars.axes[0].patches] == [80.0, 0.0]
    assert [text.get_text() for text in bars.axes[0].texts] == ["80.0", "none"]
