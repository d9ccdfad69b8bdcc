"""Cells that two views of an image have in common, brought into line on one grid.

LiftedCL's equivariant branch (https://github.com/RichardChen20/LiftedCL, commit 7c7902a, `moco/adv_builder.py`,
`_cal_pos`), which goes through the batch one pair at a time. Here the whole batch is aligned by one product of
matrices: bilinear resizing is linear, and mirroring only reverses the weights of columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor

GRID: Final = 16
"""Side of the published grid."""

_LEAST: Final = 1e-12
"""Length that a sum is divided by at least, as PyTorch's `normalize` does."""


@dataclass(frozen=True)
class CellRanges:
    """Which cells of two un-mirrored maps show what both views show.

    Attributes:
        query: (B, 4) int64, row start, row stop, column start, column stop on the query's map; stops are exclusive.
        key: (B, 4) int64, the same on the key's map.
        valid: (B,) bool, whether both ranges hold a cell.
    """

    query: Tensor
    key: Tensor
    valid: Tensor


@dataclass(frozen=True)
class AlignedCells:
    """Grids over the common part of two views: row `i * side**2 + j` of both shows the same place.

    Attributes:
        query: (B * side**2, C) float32 unit vectors, differentiable; pair after pair, each row by row; 0 where the
            pair is not valid.
        key: (B * side**2, C), the same of the keys, without gradient.
        valid: (B,) bool, whether the views have a cell in common.
    """

    query: Tensor
    key: Tensor
    valid: Tensor


def overlap_cells(
    query_boxes: Tensor, key_boxes: Tensor, *, query_size: tuple[int, int], key_size: tuple[int, int]
) -> CellRanges:
    """The cells of both views' maps that lie in the overlap of their boxes.

    Borders of the overlap are rounded to borders of cells, halves upwards, so an overlap of less than about half a cell
    holds none.

    Args:
        query_boxes: (B, 4) float32 top, left, height, width of the queries' boxes in px of their images.
        key_boxes: (B, 4), the same of the keys.
        query_size: Rows and columns of the queries' maps.
        key_size: Rows and columns of the keys' maps.
    """
    low = torch.maximum(query_boxes[:, :2], key_boxes[:, :2])
    high = torch.minimum(query_boxes[:, :2] + query_boxes[:, 2:], key_boxes[:, :2] + key_boxes[:, 2:])
    query, query_full = _ranges(query_boxes, low, high, query_size)
    key, key_full = _ranges(key_boxes, low, high, key_size)
    return CellRanges(query, key, query_full & key_full)


def align_cells(
    query_maps: Tensor,
    key_maps: Tensor,
    *,
    query_boxes: Tensor,
    key_boxes: Tensor,
    query_flipped: Tensor,
    key_flipped: Tensor,
    side: int = GRID,
) -> AlignedCells:
    """Resize the common part of each pair of maps to one grid and normalize its cells.

    Resizing is bilinear with aligned corners.

    Args:
        query_maps: (B, C, h, w) maps of the views as the network saw them, mirrored ones mirrored; any floating type.
        key_maps: (B, C, h', w'), the same of the keys.
        query_boxes: (B, 4) top, left, height, width of the views in px of their images.
        key_boxes: (B, 4), the same of the keys.
        query_flipped: (B,) bool, whether a view is mirrored left to right.
        key_flipped: (B,) bool, the same of the keys.
        side: Rows and columns of the grid.
    """
    sizes = [(maps.shape[2], maps.shape[3]) for maps in (query_maps, key_maps)]
    ranges = overlap_cells(query_boxes.float(), key_boxes.float(), query_size=sizes[0], key_size=sizes[1])
    with torch.autocast(query_maps.device.type, enabled=False):
        query = _resized(query_maps.float(), ranges.query, ranges.valid, query_flipped, side)
        with torch.no_grad():
            key = _resized(key_maps.float(), ranges.key, ranges.valid, key_flipped, side)
    return AlignedCells(query, key, ranges.valid)


def _ranges(boxes: Tensor, low: Tensor, high: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """(B, 4) cells of the overlap, and (B,) whether there is one."""
    cells = torch.tensor(size, dtype=boxes.dtype, device=boxes.device)
    start = ((low - boxes[:, :2]) / boxes[:, 2:] * cells + 0.5).floor().long()
    stop = ((high - boxes[:, :2]) / boxes[:, 2:] * cells + 0.5).floor().long()
    return torch.stack([start[:, 0], stop[:, 0], start[:, 1], stop[:, 1]], dim=1), (stop > start).all(dim=1)


def _resized(maps: Tensor, cells: Tensor, valid: Tensor, flipped: Tensor, side: int) -> Tensor:
    """(B * side**2, C) unit vectors; the gradient of invalid pairs is 0."""
    batch, channels, height, width = maps.shape
    rows = _weights(cells[:, 0], cells[:, 1], height, side)
    columns = _weights(cells[:, 2], cells[:, 3], width, side)
    columns = torch.where(flipped[:, None, None], columns.flip(2), columns)
    rows = rows * valid[:, None, None]  # an empty range has weights of no meaning
    weights = (rows[:, :, None, :, None] * columns[:, None, :, None, :]).view(batch, side * side, height * width)
    units: Tensor = _UnitSums.apply(maps.flatten(2).transpose(1, 2), weights)
    return units.view(-1, channels)


def _weights(start: Tensor, stop: Tensor, size: int, side: int) -> Tensor:
    """(B, side, size) weights with which points spread evenly from the first to the last cell take the cells in."""
    steps = torch.arange(side, device=start.device, dtype=torch.float32) / max(1, side - 1)
    places = start[:, None] + steps * (stop - 1 - start)[:, None]
    distance = places[:, :, None] - torch.arange(size, device=start.device, dtype=torch.float32)
    return (1 - distance.abs()).clamp(min=0)


class _UnitSums(torch.autograd.Function):
    """Weighted sums of cells, each divided by its length; autograd's own way makes seven tensors of that size."""

    @staticmethod
    def forward(ctx: Any, cells: Tensor, weights: Tensor) -> Tensor:
        """(B, n, C) cells and (B, m, n) weights to (B, m, C); a sum of 0 stays 0."""
        sums = weights @ cells
        scale = torch.linalg.vector_norm(sums, dim=2, keepdim=True).clamp_(min=_LEAST).reciprocal_()
        units = sums.mul_(scale)
        ctx.save_for_backward(units, weights, scale)
        return units

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        units, weights, scale = ctx.saved_tensors
        (gradient,) = gradients
        scaled = (weights * scale).transpose(1, 2)
        along = torch.linalg.vecdot(units, gradient).unsqueeze(1)
        return scaled @ gradient - (scaled * along) @ units, None
