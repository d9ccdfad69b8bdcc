"""Encoding and decoding of images: JPEG for RGB, PNG for depth (16 bit) and parts (8 bit).

Images that strangers wrote, and whose form is part of a contract, are checked before they are decoded: see `png`.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError

Encoded: TypeAlias = bytes | memoryview | NDArray[np.uint8]
"""An image file's content; an array holds its bytes."""

Reduction: TypeAlias = Literal[1, 2, 4, 8]
"""How many times smaller an image is decoded than it is."""

_RGB_FLAGS: Final[dict[Reduction, int]] = {
    1: cv2.IMREAD_COLOR_RGB,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}

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


class ImageError(Exception):
    """Bytes are not the image that they should be; whoever knows the file turns this into its own error.

    Attributes:
        kind: `unreadable`, `wrong_type` or `wrong_size`.
    """

    def __init__(self, why: str, *, kind: Literal["unreadable", "wrong_type", "wrong_size"] = "unreadable") -> None:
        super().__init__(why)
        self.kind = kind


def decode_rgb(data: Encoded, *, reduced: Reduction = 1) -> NDArray[np.uint8]:
    """Decode an image of any format as RGB.

    Pixels are where the file has them: an orientation in its EXIF data is for viewers, annotations do not follow it.

    Args:
        data: The encoded image.
        reduced: Decode at 1/2, 1/4 or 1/8 of the size, which is much faster for JPEG.

    Returns:
        (H, W, 3) uint8 RGB; of a JPEG that is cut off, the part that is there.

    Raises:
        ImageError: If it is no image, or none that OpenCV decodes.
    """
    image = _decode(data, _RGB_FLAGS[reduced] | cv2.IMREAD_IGNORE_ORIENTATION)
    # OpenCV has no flag for reduced images in the order RGB.
    return image if reduced == 1 else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def decode_unchanged(data: Encoded) -> NDArray[Any]:
    """Decode an image with the channels and type that it has; of color, blue comes first.

    Returns:
        (H, W) or (H, W, C), uint8 or uint16.

    Raises:
        ImageError: If it is no image, or none that OpenCV decodes.
    """
    return _decode(data, cv2.IMREAD_UNCHANGED)


def decode_image(data: bytes, *, source: str) -> NDArray[Any]:
    """Decode an image of a store.

    Args:
        data: JPEG or PNG file.
        source: Named in the error message.

    Returns:
        (H, W, 3) uint8 RGB, (H, W) uint8 or (H, W) uint16, as encoded.

    Raises:
        DataError: Kind `image_unreadable`.
    """
    try:
        array = decode_unchanged(data)
    except ImageError as error:
        raise DataError(
            f"{source}: not a readable image; prepare the store again", kind="image_unreadable", file=source
        ) from error
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if array.ndim == 3 else array)


def _decode(data: Encoded, flags: int) -> NDArray[Any]:
    encoded = data if isinstance(data, np.ndarray) else np.frombuffer(data, np.uint8)
    if not len(encoded):
        raise ImageError("it has no bytes")
    try:
        image: NDArray[Any] | None = cv2.imdecode(encoded, flags)
    except cv2.error as error:  # a size beyond OpenCV's limits
        raise ImageError("its size is absurd") from error
    if image is None:
        raise ImageError("it is damaged")
    return image


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
