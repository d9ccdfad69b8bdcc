from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hcmoco_bench.plotting.residuals import RigResiduals, residual_figure
from hcmoco_bench.plotting.save import save_figure


def rig(name: str, scale: float, *, n: int = 500, registered: bool = True) -> RigResiduals:
    rng = np.random.default_rng(0)
    return RigResiduals(
        name,
        rng.uniform([100, 50], [400, 380], (n, 2)),
        rng.normal(0, scale, (n, 2)),
        rng.normal(0, 0.01, (n, 2)) if registered else None,
    )


def test_three_panels_a_rig_with_arrows_that_point_as_the_residuals_do(tmp_path: Path) -> None:
    figure = residual_figure([rig("S001C001", 1.0), rig("S001C002", 0.5)])
    assert len(figure.axes) == 6
    arrows = figure.axes[0].collections[0]
    shown = rig("S001C001", 1.0)
    ratio = np.asarray(arrows.U)[0] / shown.homography[0, 0]
    assert ratio > 0
    assert np.asarray(arrows.V)[0] == pytest.approx(ratio * shown.homography[0, 1])
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top
    assert "mean" in figure.axes[0].get_title()
    save_figure(figure, tmp_path / "residuals.png")
    assert (tmp_path / "residuals.png").stat().st_size > 10_000


def test_histograms_hold_every_joint() -> None:
    figure = residual_figure([rig("S001C001", 1.0)])
    heights = [patch.get_height() for patch in figure.axes[2].patches]
    assert sum(heights) == pytest.approx(200)


def test_without_a_registered_model() -> None:
    figure = residual_figure([rig("S001C001", 1.0, registered=False)])
    assert "no registered model" in {text.get_text() for text in figure.axes[1].texts}


def test_the_worst_rigs_are_chosen_and_said() -> None:
    rigs = [rig(f"S{number:03d}C001", scale) for number, scale in ((1, 0.1), (2, 3.0), (3, 0.2), (4, 2.0))]
    figure = residual_figure(rigs, most=2)
    titles = [axis.get_title()[:8] for axis in figure.axes[::3]]
    assert titles == ["S002C001", "S004C001"]
    assert figure.get_suptitle().startswith("The 2 of 4 rigs")


def test_exact_and_single_residuals() -> None:
    exact = RigResiduals("S001C001", np.full((1, 2), 200.0), np.zeros((1, 2)), np.zeros((1, 2)))
    assert len(residual_figure([exact]).axes) == 3


def test_no_rig() -> None:
    with pytest.raises(ValueError, match="at least one rig"):
        residual_figure([])
