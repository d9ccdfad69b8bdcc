"""Normalization of encoder inputs: RGB by ImageNet statistics, depth and joints relative to each sample."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import torch
from torch import Tensor

from hcmoco_bench.data.sample import Joints

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
"""Mean and standard deviation of R, G, B values in 0..1, as all published ImageNet weights expect."""

ROOT_JOINTS: Final[Mapping[Joints, int]] = {"mpii16": 6, "shared13": 6, "coco17": 0}
"""Index of the root joint, on which joints are centered, by joint set: the pelvis, the head, and the nose."""

ROOT_JOINT: Final = ROOT_JOINTS["mpii16"]
"""Root joint of the published pre-training, whose two joint sets share the index."""

_SCALE = tuple(1.0 / (255.0 * std) for std in IMAGENET_STD)
_SHIFT = tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))


def normalize_rgb(rgb: Tensor) -> Tensor:
    """Normalize RGB by the mean and standard deviation of ImageNet, on the tensor's device.

    Batches keep RGB as bytes until they are on the training device, since bytes take a quarter of the memory to move.

    Args:
        rgb: (B, 3, H, W) uint8. Rows without RGB are black; select the others by `Batch.has_rgb`.

    Returns:
        (B, 3, H, W) float32 with mean 0 and standard deviation 1 per channel over the images of ImageNet.

    Raises:
        TypeError: If `rgb` is not uint8, which prevents normalizing twice.
    """
    if rgb.dtype != torch.uint8:
        raise TypeError(f"RGB to normalize must be uint8, not {rgb.dtype}")
    scale, shift = _statistics(rgb.device)
    return torch.addcmul(shift, rgb.float(), scale)


@cache
def _statistics(device: torch.device) -> tuple[Tensor, Tensor]:
    """(3, 1, 1) scale and shift, cached because each copy to a GPU would synchronize with it."""
    with torch.inference_mode(False):
        scale, shift = (torch.tensor(values, device=device).view(3, 1, 1) for values in (_SCALE, _SHIFT))
    return scale, shift


def normalize_depth(depth: Tensor) -> Tensor:
    """Subtract from each depth image the mean of its measured pixels, and repeat it for three channels.

    Args:
        depth: (B, 1, H, W) meters, 0 = missing.

    Returns:
        (B, 3, H, W) meters relative to the mean, 0 where depth is missing. As published, nothing divides by a standard
        deviation.
    """
    measured = depth > 0
    count = measured.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    mean = depth.sum(dim=(1, 2, 3), keepdim=True) / count
    return torch.where(measured, depth - mean, torch.zeros_like(depth)).expand(-1, 3, -1, -1)


def normalize_joints(joints: Tensor, visible: Tensor | None = None, *, root: int = ROOT_JOINT) -> Tensor:
    """Center joints on the root joint and divide by the largest absolute coordinate, as published.

    Joints come in as (x, y) and go out as (y, x). The result does not change if a crop is shifted or scaled.

    Args:
        joints: (B, J, 2) px (x, y).
        visible: (B, J) bool; joints that are not visible become 0, as published. None keeps all joints.
        root: Index of the root joint; see `ROOT_JOINTS`.

    Returns:
        (B, J, 2) (y, x) in -1..1; zeros if all joints coincide.
    """
    centered = joints - joints[:, root : root + 1]
    reach = centered.abs().amax(dim=(1, 2), keepdim=True)
    scaled = centered / torch.where(reach > 0, reach, torch.ones_like(reach))
    if visible is not None:
        scaled = torch.where(visible.unsqueeze(-1), scaled, torch.zeros_like(scaled))
    return scaled.flip(-1)
