"""Features of a map at the joints."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def joint_features(maps: Tensor, joints: Tensor, *, stride: int) -> Tensor:
    """Unit features of the cells that hold the joints.

    Args:
        maps: (B, C, h, w) features.
        joints: (B, J, 2) px of the input as (x, y); joints outside of it fall on the nearest border cell, and what is
            not finite on the first cell.
        stride: Px of the input per cell.

    Returns:
        (B, J, C) float32, L2-normalized.
    """
    height, width = maps.shape[2:]
    cells = torch.nan_to_num(joints.float() / stride, nan=0.0, posinf=0.0, neginf=0.0).floor()
    x, y = cells[..., 0].clamp(0, width - 1).long(), cells[..., 1].clamp(0, height - 1).long()
    place = (y * width + x)[:, None].expand(-1, maps.shape[1], -1)
    return functional.normalize(maps.flatten(2).gather(2, place).transpose(1, 2).float(), dim=2)
