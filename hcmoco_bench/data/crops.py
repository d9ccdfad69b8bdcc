"""Which square of the image becomes the crop: random ones for training, the whole person otherwise."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.transforms import Crop

NTU_AREA: Final = (0.08, 1.2)
"""Smallest and largest area of an NTU crop, as a share of the whole image's."""

MARGIN: Final = 1.25
"""Side of a whole person's square over the longer side of the box around the joints: head, hands, feet reach out."""

PERSON_JITTER: Final = 0.15
"""Deviation of a jittered person's square: of the logarithm of its side, and twice that of its middle over its side."""

BOX_UNIT: Final = 200.0
"""Px of a box's side for one unit of its `scale`, the convention of MPII."""

SCALE_JITTER: Final = 0.25
ROTATION_DEVIATION: Final = 30.0
ROTATION_SHARE: Final = 0.6

_SMALLEST = 8.0


def box_around(xy: NDArray[np.floating], width: int, height: int) -> NDArray[np.float64]:
    """The box (x0, y0, x1, y1) px around points (N, 2), N >= 1, within an image of that size."""
    limit = (width - 1.0, height - 1.0)
    low, high = np.clip(xy.min(axis=0), 0.0, limit), np.clip(xy.max(axis=0), 0.0, limit)
    return np.concatenate([low, high]).astype(np.float64)


def random_square(box: NDArray[np.float64], width: int, height: int, size: int, rng: np.random.Generator) -> Crop:
    """The crop of NTU training images: a square around a random point of the person's box. Never mirrored.

    The middle is uniform in the box, in x and y independently; the area is uniform between 0.08 and 1.2 of the
    image's. As published, a side longer than the image's shorter side is drawn anew, which at 512x424 leaves areas
    up to 0.83: sides of 132 to 424 px. The square may reach beyond the image; what is there is black.

    Args:
        box: (4,) x0, y0, x1, y1 px.
        width: Of the image, px.
        height: Of the image, px.
        size: Side of the crop, px.
        rng: Decides.
    """
    area = width * height
    largest = min(NTU_AREA[1] * area, float(min(width, height)) ** 2)
    side = np.sqrt(rng.uniform(NTU_AREA[0] * area, largest))
    return Crop.of_square(rng.uniform(box[:2], box[2:]), side, size)


def whole_person(box: NDArray[np.float64], size: int) -> Crop:
    """The square around a person's box with a margin of an eighth on each side; nothing random."""
    side = MARGIN * max(float((box[2:] - box[:2]).max()), _SMALLEST)
    return Crop.of_square((box[:2] + box[2:]) / 2.0, side, size)


def jittered_person(box: NDArray[np.float64], size: int, rng: np.random.Generator) -> Crop:
    """The whole person's square, jittered in size (N(0, 0.15) on the logarithm) and place (N(0, 0.075) of its side).

    Not as published: nearly all of the person stays in the crop, so that samples can be told apart by their poses from
    the first epoch on. For small data and short runs.

    Args:
        box: (4,) x0, y0, x1, y1 px.
        size: Side of the crop, px.
        rng: Decides.
    """
    side = MARGIN * max(float((box[2:] - box[:2]).max()), _SMALLEST) * float(np.exp(rng.normal(0.0, PERSON_JITTER)))
    middle = (box[:2] + box[2:]) / 2.0 + rng.normal(0.0, PERSON_JITTER / 2.0, 2) * side
    return Crop.of_square(middle, side, size)


def center_scale(
    center: NDArray[np.floating], scale: float, size: int, rng: np.random.Generator | None, *, flip: float = 0.0
) -> Crop:
    """The crop of MPII and COCO: the square of `scale` x 200 px around a center, jittered for training as published.

    The scale is multiplied by N(1, 0.25) clipped to 0.75..1.25; with probability 0.6 the square is rotated by
    N(0, 30) degrees clipped to 60; with probability `flip` it is mirrored.

    Args:
        center: (2,) px (x, y).
        scale: Side of the square over 200 px.
        size: Side of the crop, px.
        rng: Decides; None for the square as it is.
        flip: Probability of mirroring.
    """
    rotation, mirrored = 0.0, False
    if rng is not None:
        scale *= float(np.clip(rng.normal(1.0, SCALE_JITTER), 1.0 - SCALE_JITTER, 1.0 + SCALE_JITTER))
        angle = rng.normal(0.0, ROTATION_DEVIATION)
        if rng.random() < ROTATION_SHARE:
            rotation = float(np.clip(angle, -2.0 * ROTATION_DEVIATION, 2.0 * ROTATION_DEVIATION))
        mirrored = rng.random() < flip
    crop = Crop.of_square(center, scale * BOX_UNIT, size, rotation=rotation)
    return crop.flipped() if mirrored else crop
