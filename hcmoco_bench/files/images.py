"""Encoding and decoding of images: JPEG for RGB, PNG for depth (16 bit) and parts (8 bit).

No decoder here conceals damage or prints about it: JPEG is decoded strictly (see `jpeg`), PNG is checked before it is
decoded (see `png`), and everything else is decoded by Pillow.
"""

from __future__ import annotations

from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files import pillow_images
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.jpeg import decode_jpeg, is_jpeg, jpeg_size, stated_jpeg_size
from hcmoco_bench.files.png import check_png_whole, is_png, read_png_header

Encoded: TypeAlias = bytes | memoryview | NDArray[np.uint8]
"""An image file's content; an array holds its bytes."""

Reduction: TypeAlias = Literal[1, 2, 4, 8]
"""How many times smaller an image is decoded than it is."""

REDUCTIONS: Final[tuple[Reduction, ...]] = (8, 4, 2, 1)
"""All reductions, the strongest first."""

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


def decode_rgb(data: Encoded, *, reduced: Reduction = 1) -> NDArray[np.uint8]:
    """Decode an image of any format as RGB.

    Pixels are where the file has them: an orientation in its EXIF data is for viewers, annotations do not follow it.

    Args:
        data: The encoded image.
        reduced: Decode at 1/2, 1/4 or 1/8 of the size, which is much faster for JPEG.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: If it is no image, cut off or damaged.
    """
    content = _content(data)
    if is_jpeg(content):
        return decode_jpeg(content, reduced=reduced)
    _check_whole(content)
    return pillow_images.decode_rgb(content, reduced=reduced)


def decode_unchanged(data: Encoded) -> NDArray[Any]:
    """Decode a PNG with the channels and type that it has; of color, blue comes first.

    Returns:
        (H, W) or (H, W, C), uint8 or uint16.

    Raises:
        ImageError: If it is no PNG, cut off or damaged, or none that OpenCV decodes.
    """
    content = _content(data)
    # OpenCV prints what it finds wrong with an image, so it is given none but whole PNG files.
    if not is_png(content):
        raise ImageError("it is not a PNG file")
    check_png_whole(content)
    try:
        image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error as error:  # a size beyond OpenCV's limits
        raise ImageError("its size is absurd") from error
    if image is None:
        raise ImageError("it is damaged")
    return image


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
        if is_jpeg(data):
            return decode_jpeg(data)
        array = decode_unchanged(data)
    except ImageError as error:
        raise DataError(
            f"{source}: not a readable image, {error}; prepare the store again", kind="image_unreadable", file=source
        ) from error
    return np.asarray(cv2.cvtColor(array, cv2.COLOR_BGR2RGB) if array.ndim == 3 else array)


def whole_image_size(data: Encoded) -> tuple[int, int]:
    """Width and height, px, of an encoded image of any format, all of which is read.

    Raises:
        ImageError: If it is no image, cut off or damaged.
    """
    content = _content(data)
    if is_jpeg(content):
        return jpeg_size(content)
    height, width = decode_rgb(content).shape[:2]
    return width, height


def stated_size(data: Encoded) -> tuple[int, int]:
    """Width and height, px, that the header of an encoded image states; the rest of a JPEG or PNG is not read.

    Raises:
        ImageError: If it is no image, or one of another format that is cut off or damaged.
    """
    content = _content(data)
    if is_jpeg(content):
        return stated_jpeg_size(content)
    if is_png(content):
        return read_png_header(bytes(content[:64])).size
    height, width = decode_rgb(content).shape[:2]
    return width, height


def _content(data: Encoded) -> memoryview:
    content = data.data if isinstance(data, np.ndarray) else memoryview(data)
    if not len(content):
        raise ImageError("it has no bytes")
    return content


def _check_whole(content: memoryview) -> None:
    """Check what Pillow does not; raises ImageError."""
    if is_png(content):
        check_png_whole(content)


def _encode(extension: str, array: NDArray[Any], parameters: list[int]) -> bytes:
    done, data = cv2.imencode(extension, array, parameters)
    if not done:
        raise ValueError(f"OpenCV cannot encode an array of shape {array.shape} and type {array.dtype} as {extension}")
    return bytes(data)
