"""Which square of the image becomes the crop: a random one for training, the whole person otherwise."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.transforms import Crop

NTU_AREA: Final = (0.08, 1.2)
"""Smallest and largest area of an NTU crop as a fraction of the image area."""

MARGIN: Final = 1.25
"""Side of the square around a whole person over the longer side of the box around the joints.

The margin makes room for the head, hands and feet, which extend beyond the joints.
"""

PERSON_JITTER: Final = 0.15
"""Standard deviation of the logarithm of the side of a jittered square, and twice that of its center over its side."""

BOX_UNIT: Final = 200.0
"""Side in px of a box of scale 1, by the convention of MPII."""

SCALE_JITTER: Final = 0.25
"""Standard deviation, and largest deviation from 1, of the random scale of MPII and COCO crops."""

ROTATION_DEVIATION: Final = 30.0
"""Standard deviation of the random rotation of MPII and COCO crops, degrees; the largest rotation is twice that."""

ROTATION_PROBABILITY: Final = 0.6
"""Probability of rotating an MPII or COCO crop."""

_SMALLEST = 8.0


def box_around(xy: NDArray[np.floating], width: int, height: int) -> NDArray[np.float64]:
    """The box (x0, y0, x1, y1) px around N >= 1 points (N, 2), clipped to an image of the given size."""
    limit = (width - 1.0, height - 1.0)
    low, high = np.clip(xy.min(axis=0), 0.0, limit), np.clip(xy.max(axis=0), 0.0, limit)
    return np.concatenate([low, high]).astype(np.float64)


def square_region(center: NDArray[np.floating], side: float, width: int, height: int) -> Region:
    """The whole pixels of a square that are inside an image; the whole image if none are.

    Args:
        center: (2,) px (x, y).
        side: Side of the square in px.
        width: Width of the image in px.
        height: Height of the image in px.
    """
    limit = np.array([width, height])
    # Counted from the edge of the first pixel, half a px before its center.
    edges = (center + 0.5 - side / 2.0, center + 0.5 + side / 2.0)
    low, high = (np.clip(np.floor(edge + 0.5), 0, limit).astype(int) for edge in edges)
    if (high <= low).any():
        return Region(0, 0, width, height)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    return Region(left, top, right - left, bottom - top)


def person_region(box: NDArray[np.float64], width: int, height: int) -> Region:
    """The part inside an image of the square around a whole person; see `whole_person`.

    Args:
        box: (4,) x0, y0, x1, y1 px.
        width: Width of the image in px.
        height: Height of the image in px.
    """
    x, y, side = person_square(box).tolist()
    return square_region(np.array([x, y]), side, width, height)


def person_square(box: NDArray[np.float64]) -> NDArray[np.float64]:
    """The square around a whole person as (3,) center x, center y, side in px, from a box (x0, y0, x1, y1)."""
    return np.append((box[:2] + box[2:]) / 2.0, _person_side(box))


def whole_person_region(box: NDArray[np.float64]) -> Region:
    """The square of `whole_person` in whole pixels; it may extend beyond the image.

    Args:
        box: (4,) x0, y0, x1, y1 px.
    """
    x, y, length = person_square(box).tolist()
    side = round(length)
    # Counted from the edge of the first pixel, half a px before its center.
    return Region(round(x + 0.5 - side / 2.0), round(y + 0.5 - side / 2.0), side, side)


def random_square(box: NDArray[np.float64], width: int, height: int, size: int, rng: np.random.Generator) -> Crop:
    """The training crop of NTU images: a square around a random point of the person's box. It never mirrors.

    The center is uniform in the box, in x and y independently; the area is uniform between 0.08 and 1.2 of the image
    area. As published, a side longer than the shorter side of the image is drawn again, which limits the area to 0.83
    at 512x424: sides of 132 to 424 px. The square may extend beyond the image, where the crop is black.

    Args:
        box: (4,) x0, y0, x1, y1 px.
        width: Width of the image in px.
        height: Height of the image in px.
        size: Side of the crop in px.
        rng: Source of randomness.
    """
    area = width * height
    largest = min(NTU_AREA[1] * area, float(min(width, height)) ** 2)
    side = np.sqrt(rng.uniform(NTU_AREA[0] * area, largest))
    return Crop.of_square(rng.uniform(box[:2], box[2:]), side, size)


def whole_person(box: NDArray[np.float64], size: int) -> Crop:
    """The square around a person's box with a margin of an eighth on each side, without randomness."""
    return Crop.of_square((box[:2] + box[2:]) / 2.0, _person_side(box), size)


def jittered_person(box: NDArray[np.float64], size: int, rng: np.random.Generator) -> Crop:
    """The square around a whole person with random size (N(0, 0.15) on its logarithm) and center (N(0, 0.075) sides).

    This is not the published crop: nearly all of the person stays visible, so that poses distinguish the samples from
    the first epoch on. It is meant for small data sets and short runs.

    Args:
        box: (4,) x0, y0, x1, y1 px.
        size: Side of the crop in px.
        rng: Source of randomness.
    """
    side = _person_side(box) * float(np.exp(rng.normal(0.0, PERSON_JITTER)))
    center = (box[:2] + box[2:]) / 2.0 + rng.normal(0.0, PERSON_JITTER / 2.0, 2) * side
    return Crop.of_square(center, side, size)


def center_scale(
    center: NDArray[np.floating], scale: float, size: int, rng: np.random.Generator | None, *, flip: float = 0.0
) -> Crop:
    """The crop of MPII and COCO: a square of `scale` x 200 px around a center, with the published random changes.

    The scale is multiplied by N(1, 0.25), clipped to 0.75..1.25. With probability 0.6 the square is rotated by N(0, 30)
    degrees, clipped to -60..60. With probability `flip` it is mirrored.

    Args:
        center: (2,) px (x, y).
        scale: Side of the square over 200 px.
        size: Side of the crop in px.
        rng: Source of randomness; None for the square itself.
        flip: Probability of mirroring.
    """
    rotation, mirrored = 0.0, False
    if rng is not None:
        scale *= float(np.clip(rng.normal(1.0, SCALE_JITTER), 1.0 - SCALE_JITTER, 1.0 + SCALE_JITTER))
        angle = rng.normal(0.0, ROTATION_DEVIATION)
        if rng.random() < ROTATION_PROBABILITY:
            rotation = float(np.clip(angle, -2.0 * ROTATION_DEVIATION, 2.0 * ROTATION_DEVIATION))
        mirrored = rng.random() < flip
    crop = Crop.of_square(center, scale * BOX_UNIT, size, rotation=rotation)
    return crop.flipped() if mirrored else crop


def _person_side(box: NDArray[np.float64]) -> float:
    return MARGIN * max(float((box[2:] - box[:2]).max()), _SMALLEST)
