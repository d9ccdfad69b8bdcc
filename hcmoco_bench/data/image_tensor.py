"""RGB arrays as image tensors with the channels first."""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def image_tensor(rgb: NDArray[np.uint8]) -> Tensor:
    """Copy an (H, W, 3) uint8 RGB array into a (3, H, W) uint8 tensor."""
    channels = np.empty((3, *rgb.shape[:2]), np.uint8)
    cv2.split(rgb, list(channels))
    return torch.from_numpy(channels)
