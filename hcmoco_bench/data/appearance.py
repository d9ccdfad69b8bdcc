"""Changes of the appearance of a view: color jitter, grayscale and blur; pixels stay where they are.

Every change works on bytes in place of floats, which takes about a tenth of the time of torchvision's transforms
(`benchmarks/view_pairs.py`). Results differ from theirs by rounding: torchvision and Pillow cut fractions off after
every change, here they are rounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""(H, W, 3) RGB."""

Change: TypeAlias = Literal["brightness", "contrast", "saturation", "hue"]
"""A change of color."""

BLUR_REACH: Final = 3
"""Half the width of the blur kernel over its standard deviation."""

_LUMINANCE: Final = np.array([0.299, 0.587, 0.114])
"""Shares of R, G and B in gray."""

_ALIKE: Final = np.eye(3)


@dataclass(frozen=True)
class Appearance:
    """What is changed.

    Attributes:
        jitter: Changes of color with their amounts, in the order in which they are made: factors of brightness,
            contrast and saturation, where 1 changes nothing, and the shift of hue as a fraction of the color circle.
        gray: Whether color is removed.
        blur: Standard deviation of a Gaussian blur in px; None without.
    """

    jitter: tuple[tuple[Change, float], ...] = ()
    gray: bool = False
    blur: float | None = None


def with_appearance(image: Image, appearance: Appearance) -> Image:
    """An (H, W, 3) uint8 RGB image with a changed appearance: jitter first, then gray, then blur."""
    for change, amount in appearance.jitter:
        image = _CHANGES[change](image, amount)
    if appearance.gray:
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        # One channel is blurred in a third of the time.
        gray = gray if appearance.blur is None else blurred(gray, appearance.blur)
        return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2RGB), np.uint8)
    return image if appearance.blur is None else blurred(image, appearance.blur)


def with_brightness(image: Image, factor: float) -> Image:
    """Multiply all values."""
    return _mapped(image, factor * _ALIKE)


def with_contrast(image: Image, factor: float) -> Image:
    """Multiply the distance of all values from the mean gray of the image."""
    mean = float(_LUMINANCE @ cv2.mean(image)[:3])
    return _mapped(image, np.column_stack([factor * _ALIKE, np.full(3, (1 - factor) * mean)]))


def with_saturation(image: Image, factor: float) -> Image:
    """Multiply the distance of the values of each px from its gray."""
    return _mapped(image, factor * _ALIKE + (1 - factor) * _LUMINANCE)


def with_hue(image: Image, shift: float) -> Image:
    """Shift the hue, with a hue of 8 bits as in Pillow, which the release uses.

    Args:
        image: (H, W, 3) uint8 RGB.
        shift: Shift as a fraction of the color circle, -0.5..0.5.
    """
    steps = round(shift * 255)
    if steps == 0:
        return image
    hsv = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL), np.uint8).reshape(len(image), -1)
    # Values wrap around, as the color circle does. Whole rows are added to faster than one channel is.
    hsv += np.tile(np.array([steps % 256, 0, 0], np.uint8), image.shape[1])
    return np.asarray(cv2.cvtColor(hsv.reshape(image.shape), cv2.COLOR_HSV2RGB_FULL), np.uint8)


def blurred(image: NDArray[np.uint8], sigma: float) -> NDArray[np.uint8]:
    """Blur an (H, W, 3) or (H, W) uint8 image with a Gaussian of the given standard deviation in px.

    OpenCV filters in x and y one after the other. Its separable filter is faster than its Gaussian blur, which also
    rounds between the two.
    """
    kernel = cv2.getGaussianKernel(2 * math.ceil(BLUR_REACH * sigma) + 1, sigma)
    return np.asarray(cv2.sepFilter2D(image, -1, kernel, kernel), np.uint8)


_CHANGES: Final[Mapping[Change, Callable[[Image, float], Image]]] = {
    "brightness": with_brightness,
    "contrast": with_contrast,
    "saturation": with_saturation,
    "hue": with_hue,
}

CHANGES: Final[tuple[Change, ...]] = tuple(_CHANGES)
"""All changes of color."""


def _mapped(image: Image, matrix: NDArray[np.float64]) -> Image:
    """Each px multiplied with a matrix, rounded and cut to 0..255; a fourth column is added."""
    return np.asarray(cv2.transform(image, matrix.astype(np.float32)), np.uint8)
