"""JPEG files from elsewhere: whole ones are decoded, cut-off and damaged ones are refused.

A JPEG has no checksum. Where its entropy-coded data makes no sense, decoders fill in gray and print a warning; here
every such warning counts as damage. What lies behind the end of the image is none of it: padding, a phone's second
image, a film. Damage that leaves data of the right form and length cannot be noticed.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from hcmoco_bench.files import pillow_images
from hcmoco_bench.files.image_error import ImageError

_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_SCAN: Final = 0xDA
_LARGEST: Final = 2**28
"""Px of an image; a damaged header may claim any size."""


def is_jpeg(data: Any) -> bool:
    """Whether a file begins as a JPEG does."""
    return bytes(memoryview(data)[:2]) == _START


def decode_jpeg(data: Any, *, reduced: int = 1) -> NDArray[np.uint8]:
    """Decode a JPEG of any kind (progressive, gray, CMYK, arithmetic coding, ...) as RGB, as its pixels are stored.

    Args:
        data: The file's content, bytes or a buffer of them.
        reduced: Decode at 1/2, 1/4 or 1/8 of the size, rounded up.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: If it is cut off or damaged.
    """
    return _decode(data, reduced, "RGB")


def jpeg_size(data: Any) -> tuple[int, int]:
    """Width and height of a JPEG, px; all of its data is read, though not all of its pixels are computed.

    Raises:
        ImageError: If it is cut off or damaged.
    """
    size = _size(data)
    if size is None:
        height, width = _decode_other(data, 1).shape[:2]
        return width, height
    _decode(data, 8, "GRAY")
    return size


def stated_jpeg_size(data: Any) -> tuple[int, int]:
    """Width and height of a JPEG as its header states them, px; the rest is not read.

    Raises:
        ImageError: If the header is unusual and the image cannot be decoded.
    """
    size = _size(data)
    if size is None:
        height, width = _decode_other(data, 1).shape[:2]
        return width, height
    return size


def _size(data: Any) -> tuple[int, int] | None:
    """Width and height as the header says; None for a header that is unusual, or none."""
    try:
        height, width = simplejpeg.decode_jpeg_header(data)[:2]
    except ValueError:
        return None
    return int(width), int(height)


def _decode(data: Any, reduced: int, color: str) -> NDArray[np.uint8]:
    size = _size(data)
    if size is None:
        return _decode_other(data, reduced)
    width, height = size
    if width * height > _LARGEST:
        raise ImageError("its size is absurd")
    least = {"min_width": -(-width // reduced), "min_height": -(-height // reduced)} if reduced > 1 else {}
    try:
        return _strictly(data, color, least)
    except ValueError as error:
        shorter = _without_padding(data)
        if shorter is None:
            raise _damaged(error) from error
    try:
        return _strictly(shorter, color, least)
    except ValueError as error:
        raise _damaged(error) from error


def _strictly(data: Any, color: str, least: dict[str, int]) -> NDArray[np.uint8]:
    """Decode, and raise ValueError on every warning."""
    if simplejpeg.decode_jpeg_header(data)[2] not in ("CMYK", "YCCK"):
        return np.asarray(simplejpeg.decode_jpeg(data, color, strict=True, **least))
    # Four-color files hold their colors inverted, as Adobe's programs write them.
    inks = np.asarray(simplejpeg.decode_jpeg(data, "CMYK", strict=True, **least)).astype(np.int32)
    black = inks[..., 3:]
    return np.asarray(black - ((255 - inks[..., :3]) * black >> 8), np.uint8)


def _decode_other(data: Any, reduced: int) -> NDArray[np.uint8]:
    """Decode a file whose header the strict decoder does not take; only cut-off data is noticed."""
    return pillow_images.decode_rgb(data, ["JPEG"], reduced=reduced)


def _without_padding(data: Any) -> bytes | None:
    """The file without zeros that stand between its data and its end mark; None if there are none."""
    content = bytes(data)
    end = content.find(_END, _first_scan(content))
    image = content[:end].rstrip(b"\0")
    return image + _END if 0 <= end != len(image) else None


def _first_scan(content: bytes) -> int:
    """Where the entropy-coded data begins, behind the segments that hold the header and perhaps a small image."""
    position = len(_START)
    while position + 4 <= len(content) and content[position] == 0xFF:
        if content[position + 1] == _SCAN:
            break
        position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
    return position


def _damaged(error: ValueError) -> ImageError:
    return ImageError(f"it is damaged ({str(error).removeprefix('Corrupt JPEG data: ')})")
