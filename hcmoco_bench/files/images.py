"""Encoding and decoding of a store's images: JPEG for RGB, PNG for depth (16 bit) and parts (8 bit)."""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError

_FAST_TO_DECODE: Final = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
]
"""People amid nothing: next to OpenCV's own settings (RLE of filtered rows) they are encoded as fast, depth takes a
quarter more bytes, which is a twentieth of the RGB's, and decoding takes a quarter of the time, of parts a ninth."""


def encode_rgb(rgb: NDArray[np.uint8], quality: int) -> bytes:
    """Encode (H, W, 3) uint8 RGB as JPEG; the same array gives the same bytes."""
    return _encode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])


def encode_png(array: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
    """Encode (H, W) uint8 class indices or uint16 millimeters as PNG, without loss; same array, same bytes."""
    return _encode(".png", array, _FAST_TO_DECODE)


def decode_image(data: bytes, *, source: str) -> NDArray[Any]:
    """Decode a image of a store.

    Args:
        data: JPEG or PNG file.
        source: Named in the error message.

    Returns:
        (H, W, 3) uint8 RGB, (H, W) uint8 or (H, W) uint16, as encoded.

    Raises:
        DataError: Kind `image_unreadable`.
    """
    array = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if array is None:
        raise DataError(
            f"{source}: not a readable image; prepare the store again", kind="image_unreadable", file=source
        )
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if array.ndim == 3 else array)


def image_size(data: bytes) -> tuple[int, int] | None:
    """Width and height, px, of an encoded image, which is decoded as a whole; None if it cannot be."""
    # A JPEG that breaks off is decoded in part, and says nothing; its end mark is missing.
    if not data or (data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-1024:]):
        return None
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    return None if image is None else (image.shape[1], image.shape[0])


def _encode(extension: str, array: NDArray[Any], parameters: list[int]) -> bytes:
    done, data = cv2.imencode(extension, array, parameters)
    if not done:
        raise ValueError(f"OpenCV cannot encode an array of shape {array.shape} and type {array.dtype} as {extension}")
    return bytes(data)
