"""Features as colors: like features take like colors across samples and modalities, and degenerate input."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.plotting.features import FeatureSample, features_figure, shared_colors


def _parts_map(rng: np.random.Generator, codes: NDArray[np.float64], noise: float = 0.02) -> NDArray[np.float64]:
    """(C, 6, 6): four quarters, each the code of a part, with noise."""
    which = np.repeat(np.repeat([[0, 1], [2, 3]], 3, axis=0), 3, axis=1)
    return np.moveaxis(codes[which] + rng.normal(0, noise, (6, 6, codes.shape[1])), -1, 0)


def test_the_same_part_takes_the_same_color_in_both_modalities_of_all_samples() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(4, 16))
    everywhere = np.ones((24, 24), np.bool_)
    features = [{name: _parts_map(rng, codes) for name in ("rgb", "depth")} for _ in range(3)]
    painted = shared_colors(features, [everywhere] * 3)
    quarters = np.array(
        [[maps[name][y : y + 3, x : x + 3].mean(axis=(0, 1)) for y in (0, 3) for x in (0, 3)]
         for maps in painted for name in ("rgb", "depth")]
    )  # fmt: skip
    within = np.abs(quarters - quarters.mean(axis=0)).max()
    between = min(
        np.abs(quarters[:, a].mean(axis=0) - quarters[:, b].mean(axis=0)).max() for a in range(4) for b in range(a)
    )
    assert within < 0.05 < 0.3 < between


def test_unlike_modalities_take_unlike_colors() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 4, 16))
    features = [{"rgb": _parts_map(rng, one), "depth": _parts_map(rng, other)}]
    painted = shared_colors(features, [np.ones((6, 6), np.bool_)])[0]
    assert np.abs(painted["rgb"] - painted["depth"]).mean() > 0.2


def test_colors_are_fitted_to_people_and_are_the_same_every_time() -> None:
    rng = np.random.default_rng(2)
    values = _parts_map(rng, rng.normal(size=(4, 8)))
    person = np.zeros((6, 6), np.bool_)
    person[:3] = True
    loud = values.copy()
    loud[:, 3:] += 100 * rng.normal(size=(8, 3, 6))
    quiet, with_loud = (shared_colors([{"rgb": maps, "depth": maps}], [person])[0]["rgb"] for maps in (values, loud))
    np.testing.assert_allclose(quiet[:3], with_loud[:3], atol=1e-9)
    np.testing.assert_array_equal(quiet, shared_colors([{"rgb": values, "depth": values}], [person])[0]["rgb"])
    assert ((with_loud >= 0) & (with_loud <= 1)).all()


@pytest.mark.parametrize("channels", [2, 8])
def test_degenerate_features_give_colors_all_the_same(channels: int) -> None:
    constant = np.full((channels, 4, 4), 0.25)
    for person in (np.ones((16, 16), np.bool_), np.zeros((16, 16), np.bool_)):
        painted = shared_colors([{"rgb": constant, "depth": constant}], [person])[0]["rgb"]
        assert painted.shape == (4, 4, 3)
        assert np.isfinite(painted).all()
        assert np.ptp(painted, axis=(0, 1)).max() == 0
    with pytest.raises(ValueError, match="at least one sample"):
        shared_colors([], [])


def test_a_line_of_four_panels_a_sample() -> None:
    rng = np.random.default_rng(3)
    codes = rng.normal(size=(4, 8))
    samples = [
        FeatureSample(
            sample_id=f"S001C001P001R001A001F00{number}",
            rgb=rng.integers(0, 255, (24, 24, 3)).astype(np.uint8),
            depth=np.where(np.eye(24), 0, 2.5),
            foreground=np.ones((24, 24), np.bool_),
            features={name: _parts_map(rng, codes) for name in ("rgb", "depth")},
        )
        for number in (1, 2)
    ]
    figure = features_figure(samples, title="after 3 epochs")
    panels = [axis for axis in figure.axes if axis.images]
    assert len(panels) == 2 * 4
    assert {axis.get_title() for axis in panels} >= {sample.sample_id for sample in samples}
    image = io.BytesIO()
    figure.savefig(image, format="png")
    assert Image.open(image).size[1] > 400
