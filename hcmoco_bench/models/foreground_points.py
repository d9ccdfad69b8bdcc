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


def choose_foreground(valid: Tensor, n_points: int, *, generator: torch.Generator | None = None) -> Tensor:
    """Choose as many pixels of each image as asked for: evenly spaced in row order; all of them, repeated, if fewer.

    Args:
        valid: (B, P) bool; at least one pixel of each image.
        n_points: Number of pixels to choose.
        generator: Moves each pixel at random within its share of the order; None takes the first of each share.

    Returns:
        (B, n_points) int64 pixel indices, ascending.
    """
    ranks = valid.cumsum(dim=1)
    total = ranks[:, -1:]
    position = torch.arange(n_points, device=valid.device, dtype=torch.int64).expand(len(valid), n_points)
    wanted = torch.div(position * total, n_points, rounding_mode="floor")
    if generator is not None:
        share = torch.div((position + 1) * total, n_points, rounding_mode="floor") - wanted
        draw = torch.rand(wanted.shape, generator=generator, device=generator.device).to(valid.device)
        wanted = wanted + torch.minimum((draw * share).long(), (share - 1).clamp_min(0))
    return torch.searchsorted(ranks, wanted + 1)


def cell_points(points: Tensor, valid: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """The mean point of each cell's valid pixels.

    Args:
        points: (B, H, W, 3) float meters.
        valid: (B, H, W) bool.
        stride: Side of a cell in pixels; cells at the right and bottom edge may be smaller.

    Returns:
        (B, cells, 3) points, row by row, the origin where a cell has no valid pixel; and (B, cells) bool, where it has.
    """
    weight = valid.to(points.dtype)[:, None]
    values = torch.cat([points.permute(0, 3, 1, 2) * weight, weight], dim=1)
    values = torch.where(valid[:, None], values, 0.0)  # depth that is not a number times 0 is none either
    means = functional.avg_pool2d(values, stride, ceil_mode=True).flatten(2).transpose(1, 2)
    share = means[..., 3:]
    return means[..., :3] / share.clamp_min(1e-12), share[..., 0] > 0
