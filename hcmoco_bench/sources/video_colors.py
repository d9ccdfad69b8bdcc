"""The colors of decoded video images: as RGB, or as the planes that nearly all videos consist of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# Matrix and range as H.273 numbers them: unspecified or BT.601, unspecified or limited.
_BT601 = (2, 5, 6)
_LIMITED = (0, 1)


@dataclass(frozen=True)
class ColorPlanes:
    """An image as it is coded: luma, and color differences at half the resolution (4:2:0, BT.601, limited range).

    Attributes:
        y: (H, W) uint8 luma, 16..235.
        cb: (H / 2, W / 2) uint8 blue difference, 16..240; each pixel lies amid four of luma.
        cr: (H / 2, W / 2) uint8 red difference.
    """

    y: NDArray[np.uint8]
    cb: NDArray[np.uint8]
    cr: NDArray[np.uint8]


BLACK: Final = (16, 128, 128)
"""(Y, Cb, Cr) of black."""


def _to_rgb_matrix() -> NDArray[np.float64]:
    red, blue = 0.299, 0.114  # what red and blue contribute to luma
    green = 1 - red - blue
    luma, chroma = 255 / 219, 255 / 224
    matrix = np.array(
        [
            [luma, 0, 2 * (1 - red) * chroma],
            [luma, -2 * (1 - blue) * blue / green * chroma, -2 * (1 - red) * red / green * chroma],
            [luma, 2 * (1 - blue) * chroma, 0],
        ]
    )
    return np.column_stack([matrix, -matrix @ BLACK])


TO_RGB: Final = _to_rgb_matrix()
"""(3, 4): RGB of (Y, Cb, Cr, 1), 0..255. ITU-R BT.601-7, 2.5.1 to 2.5.3."""


def to_rgb(image: VideoFrame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB; an untagged video is taken as BT.601 with limited range."""
    if _is_plain(image):
        # OpenCV rounds; libswscale's fast path truncates, 1.2 levels too dark on average.
        return np.asarray(cv2.cvtColor(image.to_ndarray(), cv2.COLOR_YUV2RGB_I420), np.uint8)
    return np.asarray(image.to_ndarray(format="rgb24"), np.uint8)


def colors_of(image: VideoFrame) -> ColorPlanes | NDArray[np.uint8]:
    """The planes of an image, not copied, if it consists of such planes; else (H, W, 3) uint8 RGB as by `to_rgb`."""
    if not _is_plain(image):
        return to_rgb(image)
    y, cb, cr = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in image.planes
    )
    return ColorPlanes(y, cb, cr)


def _is_plain(image: VideoFrame) -> bool:
    return image.format.name == "yuv420p" and image.colorspace in _BT601 and image.color_range in _LIMITED
