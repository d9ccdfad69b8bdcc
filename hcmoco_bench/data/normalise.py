"""Numbers as the encoders take them: RGB by ImageNet's statistics, depth and joints relative to themselves."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)
"""Per channel R, G, B of values in 0..1, as all published ImageNet weights expect."""

ROOT_JOINT: Final = 6
"""Joints are centred on this one: the pelvis of `mpii16`, the head of `shared13`."""

_SCALE = tuple(1.0 / (255.0 * std) for std in IMAGENET_STD)
_SHIFT = tuple(-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True))


def normalise_rgb(rgb: NDArray[np.uint8]) -> Tensor:
    """Turn (H, W, 3) uint8 RGB into (3, H, W) float32 with ImageNet's mean and deviation taken out."""
    planes = np.empty((3, *rgb.shape[:2]), np.float32)
    for channel, values in enumerate(cv2.split(rgb)):
        # OpenCV's fused multiply and add: a third of the time of the same in NumPy or PyTorch.
        cv2.addWeighted(values, _SCALE[channel], values, 0.0, _SHIFT[channel], planes[channel], cv2.CV_32F)
    return torch.from_numpy(planes)


def denormalise_rgb(rgb: Tensor) -> NDArray[np.uint8]:
    """Turn (3, H, W) as `normalise_rgb` gives it back into (H, W, 3) uint8 RGB, for looking at."""
    mean, std = (torch.tensor(values, dtype=rgb.dtype).view(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    values = ((rgb.detach().cpu() * std + mean) * 255.0).round().clamp(0, 255).to(torch.uint8)
    return np.asarray(values.permute(1, 2, 0).numpy(), np.uint8)


def normalise_depth(depth: Tensor) -> Tensor:
    """Take the mean over its own measured pixels out of each depth image, and repeat it for three channels.

    Args:
        depth: (B, 1, H, W) metres, 0 = none.

    Returns:
        (B, 3, H, W) metres from the mean, 0 where there is no measurement; not divided by a deviation, as published.
    """
    measured = depth > 0
    count = measured.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    mean = depth.sum(dim=(1, 2, 3), keepdim=True) / count
    return torch.where(measured, depth - mean, torch.zeros_like(depth)).expand(-1, 3, -1, -1)


def normalise_joints(joints: Tensor, visible: Tensor | None = None) -> Tensor:
    """Centre joints on joint 6 and divide by the largest absolute coordinate; (x, y) in, (y, x) out, as published.

    Neither moving nor scaling a crop changes the result.

    Args:
        joints: (B, J, 2) px (x, y), J > 6.
        visible: (B, J) bool; joints that are not visible become 0, as published. None: all joints are used.

    Returns:
        (B, J, 2) (y, x) in -1..1; zeros if all joints coincide.
    """
    centred = joints - joints[:, ROOT_JOINT : ROOT_JOINT + 1]
    reach = centred.abs().amax(dim=(1, 2), keepdim=True)
    scaled = centred / torch.where(reach > 0, reach, torch.ones_like(reach))
    if visible is not None:
        scaled = torch.where(visible.unsqueeze(-1), scaled, torch.zeros_like(scaled))
    return scaled.flip(-1)
