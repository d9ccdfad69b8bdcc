"""How a whole frame becomes the square input of a parsing network, with and without chance."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.transforms import Crop

Framing: TypeAlias = Literal["fit", "stretch"]
"""fit: the longer side fills the square, the aspect stays, the rest is empty; stretch: both sides fill it."""

SCALES: Final = tuple(tenths / 10 for tenths in range(5, 17))
"""Factors of the training's scale, equally likely: 0.5, 0.6, ... 1.6, as published."""


def frame_crop(width: int, height: int, size: int, framing: Framing) -> Crop:
    """The whole frame from the upper left corner of the square; nothing random."""
    across, down = _factors(width, height, size, framing)
    return Crop(_enlarge(across, down), size, size)


def random_frame_crop(width: int, height: int, size: int, framing: Framing, rng: np.random.Generator) -> Crop:
    """The training's crop: mirrored every second time, scaled by one of `SCALES`, and a random window of the square.

    A frame smaller than the window lies in its upper left corner when stretched, as published, and anywhere in it when
    fitted.

    Args:
        width: Of the frame, px.
        height: Of the frame, px.
        size: Side of the crop, px.
        framing: How the frame fills the square before the scale.
        rng: Decides.
    """
    mirrored = rng.random() < 0.5
    scale = float(rng.choice(SCALES))
    across, down = (scale * factor for factor in _factors(width, height, size, framing))
    shift = []
    for length in (across * width, down * height):
        room = size - length
        lowest, highest = min(room, 0.0), max(room, 0.0) if framing == "fit" else 0.0
        shift.append(rng.uniform(lowest, highest))
    matrix = _enlarge(across, down)
    if mirrored:
        matrix[0] = [-across, 0.0, across * (width - 1) + matrix[0, 2]]
    matrix[:, 2] += shift
    return Crop(matrix, size, size)


def _factors(width: int, height: int, size: int, framing: Framing) -> tuple[float, float]:
    if framing == "stretch":
        return size / width, size / height
    return size / max(width, height), size / max(width, height)


def _enlarge(across: float, down: float) -> NDArray[np.float64]:
    # the frame's left edge is at -0.5 and stays there
    return np.array([[across, 0.0, (across - 1) / 2], [0.0, down, (down - 1) / 2]])
