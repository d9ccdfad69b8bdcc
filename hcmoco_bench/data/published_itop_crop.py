"""The training crop of ITOP as the published A2J cuts it."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.transforms import Crop

_SMALLEST: Final = 2
"""Smallest side of a box whose edges were moved, px."""


def published_itop_crop(
    depth: NDArray[np.float32],
    box: NDArray[np.float64],
    size: int,
    rng: np.random.Generator,
    *,
    jitter: float,
    rotation: float,
    scales: tuple[float, float],
) -> tuple[NDArray[np.float32], Crop]:
    """Cut, resize and warp a depth map as HCMoCo's A2J does in training (`A2J/main.py`, `dataPreprocess`).

    The edges of the box move by whole pixels, and its fractions are cut off; the part is resized to the square by the
    nearest pixel, its mean is subtracted, and the result is turned by whole degrees and scaled around its center,
    bilinearly, so that the depth at outlines mixes with the mean.

    Args:
        depth: (H, W) meters, 0 = missing or not of the person.
        box: (4,) px x0, y0, x1, y1.
        size: S, side of the crop, px.
        rng: Source of randomness.
        jitter: Largest move of an edge, px.
        rotation: Largest turn, degrees.
        scales: Smallest and largest scale.

    Returns:
        (S, S) float32 meters, 0 = missing, and where its pixels are from.
    """
    height, width = depth.shape
    moves = rng.integers(-round(jitter), max(1, round(jitter)), 4)
    x0, y0, x1, y1 = (box + moves).clip(0, [width - 1, height - 1, width - 1, height - 1]).astype(int).tolist()
    x1, y1 = min(width, max(x1, x0 + _SMALLEST)), min(height, max(y1, y0 + _SMALLEST))
    x0, y0 = min(x0, x1 - _SMALLEST), min(y0, y1 - _SMALLEST)
    part = cv2.resize(depth[y0:y1, x0:x1].copy(), (size, size), interpolation=cv2.INTER_NEAREST)
    measured = part > 0
    mean = np.float32(part[measured].mean(dtype=np.float64)) if measured.any() else np.float32(0)
    relative = np.where(measured, part - mean, np.float32(0))
    degrees = int(rng.integers(-round(rotation), max(1, round(rotation))))
    turn = cv2.getRotationMatrix2D((size / 2, size / 2), degrees, float(rng.uniform(*scales)))
    warped = cv2.warpAffine(relative, turn, (size, size))
    across, down = size / (x1 - x0), size / (y1 - y0)
    onto = np.array([[across, 0.0, -across * x0], [0.0, down, -down * y0], [0.0, 0.0, 1.0]])
    meters = np.where(warped != 0, warped + mean, np.float32(0))
    return meters.astype(np.float32), Crop(turn @ onto, size, size)
