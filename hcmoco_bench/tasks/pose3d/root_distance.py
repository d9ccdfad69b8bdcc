"""How far away a person is whose bones are known to be as long together as people's are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor

NEAREST: Final = 0.5
"""Range of distances that are tried, m."""
FARTHEST: Final = 30.0
"""See `NEAREST`."""
_STEPS: Final = 60
"""Halvings of the range, after which it is smaller than float64 tells apart."""


def total_length(joints: Tensor, edges: Sequence[tuple[int, int]]) -> Tensor:
    """Length (B,) of all bones together of poses (B, J, 3)."""
    ends = torch.tensor(edges, device=joints.device)
    bones = joints[:, ends[:, 0]] - joints[:, ends[:, 1]]
    return bones.square().sum(-1).sqrt().sum(-1)


def distance_by_bones(rays: Tensor, depths: Tensor, edges: Sequence[tuple[int, int]], length: Tensor) -> Tensor:
    """The distance of each root at which the bones have a length together, found by halving.

    A skeleton that is nearer is smaller, since its places in the image are given. The length does not grow where
    the bones lie along the line of sight; the range's end is then given.

    Args:
        rays: (B, J, 2) float64 x / z and y / z in the camera's coordinates.
        depths: (B, J) float64 meters behind the root.
        edges: Pairs of joints that a bone connects.
        length: () meters.

    Returns:
        (B,) float64 meters.
    """
    low = torch.full(depths.shape[:1], NEAREST, dtype=torch.float64, device=depths.device)
    high = torch.full_like(low, FARTHEST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        z = middle[:, None] + depths
        short = total_length(torch.cat([rays * z[..., None], z[..., None]], dim=-1), edges) < length
        low, high = torch.where(short, middle, low), torch.where(short, high, middle)
    return (low + high) / 2
