"""Encoding and decoding of heatmaps against slow plain versions, and the bias of the published way."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.tasks.pose2d.heatmaps import (
    Decoding,
    Encoding,
    HeatmapGrid,
    decode_heatmaps,
    flipped_back,
    target_heatmaps,
)

Array = NDArray[np.float64]
SIZE = (32, 28)
CROP = (128, 112)
SIGMA = 2.0


def grid(encoding: Encoding) -> HeatmapGrid:
    return HeatmapGrid.of(CROP, SIZE, encoding)


def points(n: int, seed: int = 0, margin: float = 12.0) -> torch.Tensor:
    """(n, 3, 2) px inside of the crop, and beyond it by as much as the margin is negative."""
    rng = np.random.default_rng(seed)
    low, high = np.array([margin, margin]), np.array([CROP[1] - 1 - margin, CROP[0] - 1 - margin])
    return torch.from_numpy(rng.uniform(low, high, (n, 3, 2)))


def plain_target(joint: Array, sigma: float) -> tuple[Array, float]:
    """HRNet's `generate_target` for one joint, px of the crop; a patch of 3 sigma is pasted into the heatmap."""
    height, width = SIZE
    reach = sigma * 3
    x, y = int(joint[0] / 4 + 0.5), int(joint[1] / 4 + 0.5)
    upper, lower = [int(x - reach), int(y - reach)], [int(x + reach + 1), int(y + reach + 1)]
    heatmap = np.zeros(SIZE)
    if upper[0] >= width or upper[1] >= height or lower[0] < 0 or lower[1] < 0:
        return heatmap, 0.0
    side = int(2 * reach + 1)
    for row in range(side):
        for column in range(side):
            at_y, at_x = upper[1] + row, upper[0] + column
            if 0 <= at_y < height and 0 <= at_x < width:
                squared = (column - side // 2) ** 2 + (row - side // 2) ** 2
                heatmap[at_y, at_x] = math.exp(-squared / (2 * sigma**2))
    return heatmap, 1.0


def plain_quarter(heatmap: Array) -> tuple[float, float]:
    """HRNet's `get_max_preds` and the offset of `get_final_preds`."""
    y, x = np.unravel_index(heatmap.argmax(), heatmap.shape)
    if heatmap.max() <= 0:
        return 0.0, 0.0
    height, width = heatmap.shape
    if 1 < x < width - 1 and 1 < y < height - 1:
        return (
            float(x + 0.25 * np.sign(heatmap[y, x + 1] - heatmap[y, x - 1])),
            float(y + 0.25 * np.sign(heatmap[y + 1, x] - heatmap[y - 1, x])),
        )
    return float(x), float(y)


def plain_unbiased(heatmap: Array, sigma: float) -> tuple[float, float]:
    """DARK's decoding (`taylor` and `gaussian_blur` of its release) with its blur of 11 cells, for sigma 2."""
    y, x = (int(one) for one in np.unravel_index(heatmap.argmax(), heatmap.shape))
    if heatmap.max() <= 0:
        return 0.0, 0.0
    height, width = heatmap.shape
    padded = np.zeros((height + 10, width + 10))
    padded[5:-5, 5:-5] = heatmap
    kernel = cv2.getGaussianKernel(11, sigma)
    smooth = cv2.sepFilter2D(padded, -1, kernel, kernel, borderType=cv2.BORDER_CONSTANT)[5:-5, 5:-5]
    smooth = smooth * heatmap.max() / smooth.max()
    log = np.log(np.maximum(smooth, 1e-10))
    if not (1 < x < width - 2 and 1 < y < height - 2):
        return float(x), float(y)
    gradient = np.array([0.5 * (log[y, x + 1] - log[y, x - 1]), 0.5 * (log[y + 1, x] - log[y - 1, x])])
    xx = 0.25 * (log[y, x + 2] - 2 * log[y, x] + log[y, x - 2])
    yy = 0.25 * (log[y + 2, x] - 2 * log[y, x] + log[y - 2, x])
    xy = 0.25 * (log[y + 1, x + 1] - log[y - 1, x + 1] - log[y + 1, x - 1] + log[y - 1, x - 1])
    offset = -np.linalg.inv(np.array([[xx, xy], [xy, yy]])) @ gradient
    return float(x + offset[0]), float(y + offset[1])


def test_quantized_targets_are_the_published_ones() -> None:
    joints = points(60, margin=-40.0)
    maps, weights = target_heatmaps(joints, torch.ones(60, 3, dtype=torch.bool), grid("quantized"), SIZE, SIGMA)
    for person in range(60):
        for joint in range(3):
            expected, weight = plain_target(joints[person, joint].numpy(), SIGMA)
            assert weights[person, joint] == weight
            np.testing.assert_allclose(maps[person, joint], expected, atol=1e-12)
    assert 0.1 < weights.mean() < 0.95


def test_unknown_joints_weigh_nothing() -> None:
    known = torch.tensor([[True, False, True]])
    maps, weights = target_heatmaps(points(1), known, grid("unbiased"), SIZE, SIGMA)
    assert weights.tolist() == [[1, 0, 1]]
    assert not maps[0, 1].any()


@pytest.mark.parametrize(("decoding", "plain"), [("quarter", plain_quarter), ("unbiased", None)])
def test_decoding_is_the_plain_one(decoding: Decoding, plain: object) -> None:
    """On clean, noisy, negative and flat heatmaps, with peaks up to the border."""
    torch.manual_seed(0)
    maps, _ = target_heatmaps(
        points(80, margin=-3.0), torch.ones(80, 3, dtype=torch.bool), grid("unbiased"), SIZE, SIGMA
    )
    maps = maps.double()
    maps[20:60] += 0.02 * torch.randn(40, 3, *SIZE, dtype=torch.float64)
    maps[60:70] *= 0.3
    maps[70] = -1.0
    found, scores = decode_heatmaps(maps, decoding, SIGMA)
    for person in range(len(maps)):
        for joint in range(3):
            heatmap = maps[person, joint].numpy()
            expected = plain_quarter(heatmap) if plain is not None else plain_unbiased(heatmap, SIGMA)
            np.testing.assert_allclose(found[person, joint], expected, atol=1e-6)
            assert scores[person, joint] == heatmap.max()


def test_a_top_that_is_no_gaussian_stays_at_the_largest_cell() -> None:
    """Two equal peaks, and a ridge, whose logarithm has no top near the largest cell."""
    maps = torch.zeros(1, 1, 16, 16, dtype=torch.float64)
    maps[0, 0, 8, 3], maps[0, 0, 8, 5] = 1.0, 0.999
    maps[0, 0, 8, 6:] = 0.998
    found, _ = decode_heatmaps(maps, "unbiased", 0.3)
    assert torch.isfinite(found).all()
    assert (found[0, 0] - torch.tensor([3.0, 8.0])).abs().max() <= 1.5


def residual(encoding: Encoding, decoding: Decoding) -> tuple[float, Array]:
    """Mean distance, px, and mean offset, px, of joints that were encoded and decoded."""
    joints = points(400, seed=3, margin=36.0)
    maps, _ = target_heatmaps(joints, torch.ones(400, 3, dtype=torch.bool), grid(encoding), SIZE, SIGMA)
    cells, _ = decode_heatmaps(maps, decoding, SIGMA)
    offset = (grid(encoding).pixels(cells) - joints).reshape(-1, 2).numpy()
    return float(np.linalg.norm(offset, axis=1).mean()), offset.mean(axis=0)


def test_the_bias_of_the_published_way_and_none_of_the_unbiased() -> None:
    """Perfect heatmaps: rounding to cells of 4 px costs 1.5 px, quarters of a cell 0.75 px, and the top 0 px."""
    quantized, _ = residual("quantized", "quarter")
    assert quantized == pytest.approx(1.5, abs=0.15)
    quarter, _ = residual("unbiased", "quarter")
    assert quarter == pytest.approx(0.77, abs=0.1)
    error, bias = residual("unbiased", "unbiased")
    assert error < 0.01
    assert np.abs(bias).max() < 0.01


@pytest.mark.parametrize("shift", [1, 0])
def test_the_flip_test_brings_mirrored_heatmaps_back(shift: int) -> None:
    """Of mirrored crops with mirrored joints; with the published grid to within a quarter of a cell, else exactly."""
    flip = torch.from_numpy(joint_set("coco17").flip)
    rng = np.random.default_rng(0)
    joints = torch.from_numpy(rng.uniform(40, 70, (20, 17, 2)))
    mirrored = torch.stack([CROP[1] - 1 - joints[..., 0], joints[..., 1]], dim=-1)[:, flip]
    known = torch.ones(20, 17, dtype=torch.bool)
    places = PublishedPlaces((4.0, 4.0), "unbiased") if shift else grid("unbiased")
    cells = places.cells(joints)
    straight, _ = target_heatmaps(joints, known, places, SIZE, SIGMA)
    other, _ = target_heatmaps(mirrored, known, places, SIZE, SIGMA)
    back = flipped_back(other, flip, shift)
    found, _ = decode_heatmaps(back, "unbiased", SIGMA)
    expected, _ = decode_heatmaps(straight, "unbiased", SIGMA)
    torch.testing.assert_close(expected, cells, atol=0.01, rtol=0)
    bias = (found - expected).mean((0, 1))
    assert bias[0].item() == pytest.approx(0.25 if shift else 0.0, abs=0.01)
    assert bias[1].item() == pytest.approx(0.0, abs=0.01)
    if not shift:
        torch.testing.assert_close(back, straight)


class PublishedPlaces(HeatmapGrid):
    """The published places of cells, without the rounding to them, so that the bias of the places alone is seen."""

    def cells(self, pixels: torch.Tensor) -> torch.Tensor:
        """See `HeatmapGrid.cells`."""
        return pixels / pixels.new_tensor(self.stride)


def test_cells_and_pixels_are_inverse() -> None:
    joints = points(5)
    for encoding in ("quantized", "unbiased"):
        own = grid(encoding)
        torch.testing.assert_close(own.pixels(own.cells(joints)), joints)
    # The outermost edges of crop and heatmap coincide: px -0.5 is cell -0.5.
    torch.testing.assert_close(grid("unbiased").cells(torch.tensor([-0.5, 111.5])), torch.tensor([-0.5, 27.5]))
