"""On which side of their balls chosen neighbors lie, level by level of a PointNet++ that runs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor

from hcmoco_bench.models.point_ops import ball_query, group
from hcmoco_bench.models.pointnet import PointNet

CROWDED = 1.5
"""A ball is crowded if it holds more points than this many times those that are chosen."""


def clouds_of(network: PointNet, run: Callable[[], object]) -> list[Tensor]:
    """The points (B, N, 3) that a network is given, and the centers of each level, in one forward pass of it."""
    clouds: list[Tensor] = []

    def keep(_: object, inputs: tuple[Tensor, Tensor | None, Tensor]) -> None:
        points, _, centers = inputs
        if not clouds:
            clouds.append(points)
        assert torch.equal(clouds[-1], points)
        clouds.append(centers)

    handles = [level.register_forward_pre_hook(keep) for level in network.abstraction]
    try:
        run()
    finally:
        for handle in handles:
            handle.remove()
    return clouds


def neighbor_offsets(network: PointNet, clouds: list[Tensor]) -> Tensor:
    """(mean of the chosen neighbors - mean of all points in the ball) / radius, over crowded balls.

    Args:
        network: Says what is chosen.
        clouds: As `clouds_of` gives them.

    Returns:
        (levels, scales, 3); nan where no ball is crowded.
    """
    offsets = []
    for level, (points, centers) in zip(network.levels, pairwise(clouds), strict=True):
        chosen = ball_query(points, centers, level.radii, level.n_neighbors)
        away = torch.cdist(centers, points, compute_mode="donot_use_mm_for_euclid_dist")
        of_scales = []
        for index, radius, count in zip(chosen, level.radii, level.n_neighbors, strict=True):
            inside = (away < radius).to(points.dtype)
            n_inside = inside.sum(dim=2, keepdim=True)
            mean_chosen = group(points.transpose(1, 2), index).mean(dim=3).transpose(1, 2)
            offset = (mean_chosen - inside @ points / n_inside.clamp_min(1)) / radius
            of_scales.append(offset[n_inside[..., 0] > CROWDED * count].mean(dim=0))
        offsets.append(torch.stack(of_scales))
    return torch.stack(offsets)
