"""Joints as Gaussian heatmaps and back: the published way, with its rounding, and an unbiased one.

Published: Xiao et al., "Simple Baselines", ECCV 2018, and Sun et al., "HRNet", CVPR 2019
(https://github.com/leoxiaobin/deep-high-resolution-net.pytorch, `JointsDataset.generate_target`, `get_max_preds`,
`get_final_preds`). Unbiased: Zhang et al., "Distribution-Aware Coordinate Representation", CVPR 2020
(https://arxiv.org/abs/1910.06278, Eqs. 3-9), on cells that mirror onto cells, as Huang et al., "The Devil is in the
Details", CVPR 2020, ask for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import torch
from torch import Tensor
from torch.nn import functional

Encoding = Literal["quantized", "unbiased"]
"""How joints become heatmaps. `quantized`: cell i lies at px i times the stride, and the Gaussian is centered on the
nearest cell. `unbiased`: cell i lies in the middle of its pixels, and the Gaussian where the joint is."""

Decoding = Literal["quarter", "unbiased"]
"""How heatmaps become joints. `quarter`: the largest cell, moved by a quarter of a cell towards its larger neighbor.
`unbiased`: the top of the Gaussian that the logarithm of the blurred heatmap has around the largest cell."""

PUBLISHED_SHIFT: Final[dict[Encoding, int]] = {"quantized": 1, "unbiased": 0}
"""Cells by which the heatmap of the mirror image, mirrored back, is moved to the right in the flip test."""

_REACH: Final = 3.0
_QUARTER: Final = 0.25
_BLUR_REACH: Final = 2.5
_SMALLEST: Final = 1e-10
_FARTHEST: Final = 1.5
"""A top farther than this from the largest cell, in cells, is none of its Gaussian."""


@dataclass(frozen=True)
class HeatmapGrid:
    """Where the cells of a heatmap lie in the crop.

    Attributes:
        stride: Px of the crop per cell, x and y.
        encoding: Which pixel a cell stands for.
    """

    stride: tuple[float, float]
    encoding: Encoding

    @classmethod
    def of(cls, crop: tuple[int, int], heatmap: tuple[int, int], encoding: Encoding) -> HeatmapGrid:
        """The grid of a heatmap of (height, width) cells over a crop of (height, width) px."""
        return cls((crop[1] / heatmap[1], crop[0] / heatmap[0]), encoding)

    def cells(self, pixels: Tensor) -> Tensor:
        """Px (..., 2) x, y of the crop as cells."""
        stride = pixels.new_tensor(self.stride)
        return pixels / stride if self.encoding == "quantized" else (pixels + 0.5) / stride - 0.5

    def pixels(self, cells: Tensor) -> Tensor:
        """Cells (..., 2) x, y as px of the crop."""
        stride = cells.new_tensor(self.stride)
        return cells * stride if self.encoding == "quantized" else (cells + 0.5) * stride - 0.5


def target_heatmaps(
    joints: Tensor, known: Tensor, grid: HeatmapGrid, size: tuple[int, int], sigma: float
) -> tuple[Tensor, Tensor]:
    """What the network should give.

    Args:
        joints: (B, J, 2) float px (x, y) of the crop.
        known: (B, J) bool, whether a joint is annotated.
        grid: Where the cells lie.
        size: Height and width of the heatmaps.
        sigma: Standard deviation of the Gaussians, cells.

    Returns:
        (B, J, h, w) heatmaps with a largest value of 1, and (B, J) weights: 0 for joints that are not annotated, or
        farther outside of the heatmap than three standard deviations, whose heatmaps are 0. A quantized Gaussian ends
        at three standard deviations, as published.
    """
    height, width = size
    center = grid.cells(joints)
    if grid.encoding == "quantized":
        center = torch.trunc(center + 0.5)  # int() of the published code
    reach = _REACH * sigma
    limit = center.new_tensor([width, height])
    weight = known & ((center - reach < limit) & (center + reach + 1 >= 0)).all(-1)
    columns, rows = (torch.arange(n, dtype=joints.dtype, device=joints.device) for n in (width, height))
    across = (columns - center[..., 0, None]) ** 2  # (B, J, w)
    down = (rows - center[..., 1, None]) ** 2
    squared = across[..., None, :] + down[..., :, None]
    maps = torch.exp(-squared / (2.0 * sigma**2))
    if grid.encoding == "quantized":
        inside = (across <= reach**2)[..., None, :] & (down <= reach**2)[..., :, None]
        maps = maps * inside
    weights = weight.to(maps.dtype)
    return maps * weights[..., None, None], weights


def flipped_back(heatmaps: Tensor, flip: Tensor, shift: int) -> Tensor:
    """Heatmaps (B, J, h, w) of mirrored crops as those of the crops: mirrored, sides swapped, and moved to the right.

    Args:
        heatmaps: Of the mirrored crops.
        flip: (J,) int64 index of the joint that each joint becomes in a mirrored image.
        shift: Cells to move to the right; the first columns stay, as published.
    """
    back = heatmaps.flip(-1)[:, flip]
    if not shift:
        return back
    return torch.cat([back[..., :shift], back[..., :-shift]], dim=-1)


def decode_heatmaps(heatmaps: Tensor, decoding: Decoding, sigma: float) -> tuple[Tensor, Tensor]:
    """The joints of heatmaps.

    Args:
        heatmaps: (B, J, h, w) float.
        decoding: How.
        sigma: Standard deviation of the Gaussians that the network learned, cells; the unbiased decoding blurs by it.

    Returns:
        (B, J, 2) cells (x, y), 0 where no cell is above 0, as published; and (B, J) largest values.
    """
    width = heatmaps.shape[-1]
    scores, place = heatmaps.flatten(2).max(dim=2)
    peak = torch.stack([place % width, place // width], dim=-1)
    if decoding == "quarter":
        offset = _quarter_offset(heatmaps, peak)
    else:
        offset = _gaussian_offset(_blurred(heatmaps, sigma).clamp(min=_SMALLEST).log(), peak)
    cells = peak.to(heatmaps.dtype) + offset
    return torch.where((scores > 0)[..., None], cells, torch.zeros_like(cells)), scores


def _neighbors(heatmaps: Tensor, peak: Tensor, reach: int) -> tuple[Tensor, Tensor]:
    """Values around the peaks, (B, J, 2 reach + 1, 2 reach + 1) by y, x; and whether all of them lie inside (B, J)."""
    n, n_joints, height, width = heatmaps.shape
    offsets = torch.arange(-reach, reach + 1, device=heatmaps.device)
    x, y = peak[..., 0, None] + offsets, peak[..., 1, None] + offsets
    inside = ((x[..., 0] >= 0) & (x[..., -1] < width)) & ((y[..., 0] >= 0) & (y[..., -1] < height))
    index = y.clamp(0, height - 1)[..., :, None] * width + x.clamp(0, width - 1)[..., None, :]
    values = heatmaps.flatten(2).gather(2, index.flatten(2)).reshape(n, n_joints, len(offsets), len(offsets))
    return values, inside


def _quarter_offset(heatmaps: Tensor, peak: Tensor) -> Tensor:
    around, inside = _neighbors(heatmaps, peak, 1)
    difference = torch.stack([around[..., 1, 2] - around[..., 1, 0], around[..., 2, 1] - around[..., 0, 1]], dim=-1)
    # The published code leaves the first cell inside of the left and upper border as it is, too.
    inside = inside & (peak > 1).all(-1)
    return _QUARTER * difference.sign() * inside[..., None]


def _gaussian_offset(logarithm: Tensor, peak: Tensor) -> Tensor:
    """One step of Newton's method from the largest cell to the top of a Gaussian; its logarithm is a parabola."""
    around, inside = _neighbors(logarithm, peak, 2)
    middle = around[..., 2, 2]
    dx = 0.5 * (around[..., 2, 3] - around[..., 2, 1])
    dy = 0.5 * (around[..., 3, 2] - around[..., 1, 2])
    dxx = 0.25 * (around[..., 2, 4] - 2.0 * middle + around[..., 2, 0])
    dyy = 0.25 * (around[..., 4, 2] - 2.0 * middle + around[..., 0, 2])
    dxy = 0.25 * (around[..., 3, 3] - around[..., 1, 3] - around[..., 3, 1] + around[..., 1, 1])
    determinant = dxx * dyy - dxy**2
    a_top = inside & (dxx < 0) & (determinant > 0)
    safe = torch.where(a_top, determinant, torch.ones_like(determinant))
    offset = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=-1) / safe[..., None]
    used = a_top & (offset.abs() <= _FARTHEST).all(-1)
    return torch.where(used[..., None], offset, torch.zeros_like(offset))


def _blurred(heatmaps: Tensor, sigma: float) -> Tensor:
    """Blurred by a Gaussian, with zeros around, and brought back to the largest value that each heatmap had."""
    reach = math.ceil(_BLUR_REACH * sigma)
    steps = torch.arange(-reach, reach + 1, dtype=heatmaps.dtype, device=heatmaps.device)
    kernel = torch.exp(-(steps**2) / (2.0 * sigma**2))
    kernel = kernel / kernel.sum()
    flat = heatmaps.flatten(0, 1)[:, None]
    flat = functional.conv2d(flat, kernel.reshape(1, 1, 1, -1), padding=(0, reach))
    flat = functional.conv2d(flat, kernel.reshape(1, 1, -1, 1), padding=(reach, 0))
    smooth = flat.reshape(heatmaps.shape)
    before, after = (maps.amax((2, 3), keepdim=True) for maps in (heatmaps, smooth))
    return smooth * (before / after.clamp(min=_SMALLEST))
