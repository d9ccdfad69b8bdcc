"""The training crop of parsing as the published code cuts it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import SCALES
from hcmoco_bench.data.transforms import Crop

PADDING: Final = 0
"""Value of an image beside a frame that is smaller than the crop: black, and no depth."""


class PublishedCrop(NamedTuple):
    """A training crop.

    Attributes:
        image: (S, S) uint16 millimeters, 0 = missing, or (S, S, 3) uint8 RGB.
        label: (S, S) uint8 class indices, 255 beside the frame.
        crop: Where the pixels are from, for intrinsics.
    """

    image: NDArray[Any]
    label: NDArray[np.uint8]
    crop: Crop


def published_parsing_crop(
    image: NDArray[Any], label: NDArray[np.uint8], size: int, rng: np.random.Generator, *, ignore: int
) -> PublishedCrop:
    """Cut a frame as HCMoCo's parsing does (`HRNet-Semantic-Segmentation/lib/datasets/{nturgbd_d,human36m}.py`).

    The frame is mirrored half the time, resized to a square (RGB bilinearly, depth and labels to the nearest pixel),
    and resized once more by one of `SCALES`, images bilinearly, depth too, so that depth mixes with 0 at outlines;
    nothing is averaged where it becomes smaller. What is smaller than the crop is padded at the right and the bottom;
    of what is larger, a random square of whole pixels is taken.

    Args:
        image: (H, W) uint16 millimeters, or (H, W, 3) uint8 RGB.
        label: (H, W) uint8 class indices.
        size: S, side of the crop, px.
        rng: Source of randomness.
        ignore: Label beside the frame.
    """
    height, width = label.shape
    mirrored = bool(rng.random() < 0.5)
    if mirrored:
        image, label = image[:, ::-1], part_table().flip[label[:, ::-1]]
    first = cv2.INTER_NEAREST if image.ndim == 2 else cv2.INTER_LINEAR
    square = cv2.resize(np.ascontiguousarray(image), (size, size), interpolation=first)
    square_label = cv2.resize(np.ascontiguousarray(label), (size, size), interpolation=cv2.INTER_NEAREST)
    side = int(size * float(rng.choice(SCALES)) + 0.5)
    scaled = cv2.resize(square, (side, side), interpolation=cv2.INTER_LINEAR)
    scaled_label = cv2.resize(square_label, (side, side), interpolation=cv2.INTER_NEAREST)
    missing = max(0, size - side)
    scaled = cv2.copyMakeBorder(scaled, 0, missing, 0, missing, cv2.BORDER_CONSTANT, value=(PADDING,) * 3)
    scaled_label = cv2.copyMakeBorder(scaled_label, 0, missing, 0, missing, cv2.BORDER_CONSTANT, value=(ignore,))
    left, top = (int(rng.integers(0, side + missing - size + 1)) for _ in range(2))
    part = (slice(top, top + size), slice(left, left + size))
    across, down = side / width, side / height
    matrix = np.array([[across, 0.0, across / 2 - 0.5 - left], [0.0, down, down / 2 - 0.5 - top]])
    if mirrored:
        matrix = matrix @ np.array([[-1.0, 0.0, width - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return PublishedCrop(
        np.ascontiguousarray(scaled[part]), np.ascontiguousarray(scaled_label[part]), Crop(matrix, size, size)
    )
