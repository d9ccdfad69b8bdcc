"""A structured-light depth camera of ITOP's size: noise that grows with distance, ragged edges, shadows.

Source of the noise: Nguyen, Izadi, Lovell, "Modeling Kinect sensor noise for improved 3D reconstruction and tracking"
(3DIM 2012): an axial deviation of 1.2 mm + 1.9 mm (z - 0.4 m)^2, and a lateral one of about a pixel. Distances are
steps of a disparity, so far surfaces fall into slices.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

NEAREST: Final = 0.5
FARTHEST: Final = 8.0

_STEP: Final = 2.2e-3
"""Meters between two distances that can be told apart, at one meter; grows with the square of the distance."""

_JUMP: Final = 0.15
"""Meters between neighbors that make an edge."""

_SHADOW: Final = 0.16
"""Share of px on edges that the projector does not reach, or where both distances mix."""

_AROUND = np.ones((3, 3), np.uint8)


def measure(z: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float16]:
    """One frame.

    Args:
        z: (H, W) true distance along the optical axis, meters, 0 where there is nothing.
        rng: Source of all noise.

    Returns:
        (H, W) float16 meters, 0 = no measurement.
    """
    jump = cv2.morphologyEx(z, cv2.MORPH_GRADIENT, _AROUND)
    edge = jump > _JUMP
    rows, columns = np.indices(z.shape, dtype=np.float32)
    strays = edge & (rng.random(z.shape) < 0.3)
    shift = rng.integers(-1, 2, (2, *z.shape)).astype(np.float32)
    moved = cv2.remap(
        z,
        np.where(strays, columns + shift[0], columns),
        np.where(strays, rows + shift[1], rows),
        cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    deviation = 0.0012 + 0.0019 * np.maximum(moved - 0.4, 0) ** 2
    noisy = moved + deviation * rng.standard_normal(z.shape, dtype=np.float32)
    inverse = np.round(1.0 / (_STEP * np.maximum(noisy, NEAREST)))
    sliced = 1.0 / (_STEP * np.maximum(inverse, 1.0))
    lost = (edge & (rng.random(z.shape) < _SHADOW)) | (moved <= 0) | (noisy < NEAREST) | (noisy > FARTHEST)
    return np.where(lost, 0, sliced).astype(np.float16)
