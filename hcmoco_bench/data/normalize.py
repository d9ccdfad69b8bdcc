"""Numbers as the encoders take them: RGB by ImageNet's statistics, depth and joints relative to themselves."""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import Tensor

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
"""Per channel R, G, B of values in 0..1, as all published ImageNet weights expect."""

ROOT_JOINT: Final = 6
"""Joints are centered on this one: the pelvis of `mpii16`, the head of `shared13`."""

_SCALE = tuple(1.0 / (255.0 * std) for std in IMAGENET_STD)
_SHIFT = tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))


def normalize_rgb(rgb: Tensor) -> Tensor:
    """Take ImageNet's mean and deviation out of RGB, on the device it is on.

    Batches carry RGB as bytes, a quarter of the memory to move, until they are on the device that trains.

    Args:
        rgb: (B, 3, H, W) uint8. Rows without RGB are black; leave them out by `Batch.has_rgb`.

    Returns:
        (B, 3, H, W) float32 with mean 0 and deviation 1 per channel over ImageNet's images.

    Raises:
        TypeError: If it is not uint8, so that nothing is normalized twice.
    """
    if rgb.dtype != torch.uint8:
        raise TypeError(f"RGB to normalize must be uint8, not {rgb.dtype}")
    scale, shift = _statistics(rgb.device)
    return torch.addcmul(shift, rgb.float(), scale)


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """(3, 1, 1) scale and shift; kept, since each copy to a GPU would make it wait."""
    with torch.inference_mode(False):
        scale, shift = (torch.tensor(values, device=device).view(3, 1, 1) for values in (_SCALE, _SHIFT))
    return scale, shift


def normalize_depth(depth: Tensor) -> Tensor:
    """Take the mean over its own measured pixels out of each depth image, and repeat it for three channels.

    Args:
        depth: (B, 1, H, W) meters, 0 = none.

    Returns:
        (B, 3, H, W) meters from the mean, 0 where there is no measurement; not divided by a deviation, as published.
    """
    measured = depth > 0
    count = measured.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    mean = depth.sum(dim=(1, 2, 3), keepdim=True) / count
    return torch.where(measured, depth - mean, torch.zeros_like(depth)).expand(-1, 3, -1, -1)


def normalize_joints(joints: Tensor, visible: Tensor | None = None) -> Tensor:
    """Center joints on joint 6 and divide by the largest absolute coordinate; (x, y) in, (y, x) out, as published.

    Neither moving nor scaling a crop changes the result.

    Args:
        joints: (B, J, 2) px (x, y), J > 6.
        visible: (B, J) bool; joints that are not visible become 0, as published. None: all joints are used.

    Returns:
        (B, J, 2) (y, x) in -1..1; zeros if all joints coincide.
    """
    centered = joints - joints[:, ROOT_JOINT : ROOT_JOINT + 1]
    reach = centered.abs().amax(dim=(1, 2), keepdim=True)
    scaled = centered / torch.where(reach > 0, reach, torch.ones_like(reach))
    if visible is not None:
        scaled = torch.where(visible.unsqueeze(-1), scaled, torch.zeros_like(scaled))
    return scaled.flip(-1)
