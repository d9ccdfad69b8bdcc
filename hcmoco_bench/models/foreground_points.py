"""Depth pixels as points in camera space: which are taken, where they are, and where the cells of a map are."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def back_project(depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Points of all pixels in camera space: x with the image's x, y up, z forward; the inverse of a pinhole.

    Args:
        depth: (B, H, W) float meters; pixel centers at integers.
        intrinsics: (B, 4) float fx, fy, cx, cy in pixels of this image; u = cx + fx x / z, v = cy - fy y / z.

    Returns:
        (B, H, W, 3) meters; the origin where there is no depth.
    """
    height, width = depth.shape[1:]
    fx, fy, cx, cy = intrinsics[:, :, None, None].unbind(dim=1)
    u = torch.arange(width, dtype=depth.dtype, device=depth.device)
    v = torch.arange(height, dtype=depth.dtype, device=depth.device)[:, None]
    return torch.stack([(u - cx) / fx * depth, (cy - v) / fy * depth, depth], dim=-1)


def choose_foreground(valid: Tensor, n_points: int, *, generator: torch.Generator) -> Tensor:
    """Choose as many pixels of each image as asked for, in random order; where there are fewer, all, again and again.

    A ball query takes the first neighbors in the order of the cloud, so the order decides which of them are seen: in
    the order of the image, those at the upper edge of the ball. Copies come only after every pixel has come once, so
    that they never take the place of a neighbor.

    One order of all pixels serves the whole batch: the choice depends on nothing but the image's own mask.

    Args:
        valid: (B, P) bool; at least one pixel of each image.
        n_points: Number of pixels to choose.
        generator: Draws the order, on any device.

    Returns:
        (B, n_points) int64 pixel indices.
    """
    order = torch.randperm(valid.shape[1], generator=generator, device=generator.device).to(valid.device)
    ranks = valid[:, order].cumsum(dim=1)
    position = torch.arange(n_points, device=valid.device).expand(len(valid), n_points)
    return order[torch.searchsorted(ranks, position % ranks[:, -1:] + 1)]


def fill_background(depth: Tensor, valid: Tensor) -> Tensor:
    """Depth with the mean of the image's own valid pixels at all others, where HCMoCo puts the background.

    Args:
        depth: (B, H, W) float meters; anything, also nan, where it is not valid.
        valid: (B, H, W) bool; at least one pixel of each image.
    """
    measured = torch.where(valid, depth, 0.0)
    mean = measured.sum(dim=(1, 2)) / valid.sum(dim=(1, 2))
    return torch.where(valid, depth, mean[:, None, None])


def cell_points(points: Tensor, valid: Tensor, stride: int) -> Tensor:
    """The mean point of each cell's valid pixels; where a cell has none, of all its pixels.

    Args:
        points: (B, H, W, 3) float meters.
        valid: (B, H, W) bool.
        stride: Side of a cell in pixels; cells at the right and bottom edge may be smaller.

    Returns:
        (B, cells, 3) points, row by row.
    """
    weight = valid.to(points.dtype)[:, None]
    across = points.permute(0, 3, 1, 2)
    pooled = functional.avg_pool2d(torch.cat([across, across * weight, weight], dim=1), stride, ceil_mode=True)
    every, measured, share = torch.split(pooled.flatten(2).transpose(1, 2), [3, 3, 1], dim=2)
    return torch.where(share > 0, measured / share.clamp_min(1e-12), every)
