"""Decoded video images as RGB."""

from __future__ import annotations

import cv2
import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

# Matrix and range as H.273 numbers them: unspecified or BT.601, unspecified or limited.
_BT601 = (2, 5, 6)
_LIMITED = (0, 1)


def to_rgb(image: VideoFrame) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB; an untagged video is taken as BT.601 with limited range."""
    if image.format.name == "yuv420p" and image.colorspace in _BT601 and image.color_range in _LIMITED:
        # OpenCV rounds; libswscale's fast path truncates, 1.2 levels too dark on average.
        return np.asarray(cv2.cvtColor(image.to_ndarray(), cv2.COLOR_YUV2RGB_I420), np.uint8)
    return np.asarray(image.to_ndarray(format="rgb24"), np.uint8)
