"""RGB images as PyTorch lays them out."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def planes(rgb: NDArray[np.uint8]) -> Tensor:
    """Turn (H, W, 3) uint8 RGB into (3, H, W) uint8, one plane a channel."""
    separate = np.empty((3, *rgb.shape[:2]), np.uint8)
    cv2.split(rgb, list(separate))
    return torch.from_numpy(separate)
