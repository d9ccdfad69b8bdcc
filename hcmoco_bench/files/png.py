"""PNG files from elsewhere: what one claims to be and whether it is whole is checked before a decoder touches it."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files import pillow_images
from hcmoco_bench.files.image_error import ImageError

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class PngHeader:
    """The header chunk.

    Attributes:
        size: Width and height, px.
        bit_depth: Bits a channel: 1, 2, 4, 8 or 16.
        color: `gray`, `rgb`, `palette`, `gray with alpha` or `rgb with alpha`.
    """

    size: tuple[int, int]
    bit_depth: int
    color: str

    def __str__(self) -> str:
        return f"{self.size[0]}x{self.size[1]} px, {self.bit_depth} bit {self.color}"


_COLORS: Final = {0: "gray", 2: "rgb", 3: "palette", 4: "gray with alpha", 6: "rgb with alpha"}
_PALETTES: Final = (("palette", 1), ("palette", 2), ("palette", 4), ("palette", 8))
_GRAYS: Final = (("gray", 1), ("gray", 2), ("gray", 4))


def read_png_header(data: bytes) -> PngHeader:
    """Read the header; the claimed size may be absurd, and is the caller's to judge before decoding.

    Raises:
        ImageError: If this is not the beginning of a PNG file.
    """
    if not data:
        raise ImageError("it has no bytes")
    if len(data) < 33 or not data.startswith(_SIGNATURE) or data[8:16] != b"\x00\x00\x00\rIHDR":
        raise ImageError("it is not a PNG file")
    width, height, bit_depth, color = struct.unpack(">IIBB", data[16:26])
    if color not in _COLORS:
        raise ImageError(f"its color type {color} is unknown")
    return PngHeader((width, height), bit_depth, _COLORS[color])


def is_png(data: Any) -> bool:
    """Whether a file begins as a PNG does."""
    return bytes(memoryview(data)[: len(_SIGNATURE)]) == _SIGNATURE


def check_png_whole(data: Any) -> None:
    """Check every chunk's length and checksum up to the end chunk; decoders fill what is missing with zeros.

    Raises:
        ImageError: If the file is cut off or damaged.
    """
    position = len(_SIGNATURE)
    view = memoryview(data)
    while position + 12 <= len(view):
        (length,) = struct.unpack_from(">I", view, position)
        end = position + 8 + length
        if end + 4 > len(view):
            break
        kind = bytes(view[position + 4 : position + 8])
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", view, end)[0]:
            raise ImageError(f"it is damaged (checksum of its {kind.decode('latin-1')} chunk)")
        if kind == b"IEND":
            return
        position = end + 4
    raise ImageError("it is cut off")


def decode_labels(
    data: bytes, *, expected: str, size: tuple[int, int] | None = None, stretched: bool = False
) -> NDArray[np.uint8]:
    """Decode a label image: 8 bit gray, or a palette whose indices are the labels whatever its colors.

    Args:
        data: The PNG file.
        expected: What type is right, for the message: `<header>, but <expected>`.
        size: Width and height that it must have; None for any.
        stretched: Take gray of fewer bits too, its values stretched to 0..255, as programs that make PNG files smaller
            write it.

    Returns:
        (H, W) uint8 labels.

    Raises:
        ImageError: `unreadable`, `wrong_type`, `wrong_size`.
    """
    header = _check(data, (*_PALETTES, ("gray", 8), *(_GRAYS if stretched else ())), expected, size)
    return _pixels(data, None if header.color == "palette" else "L")


def decode_rgb_png(data: bytes, *, expected: str) -> NDArray[np.uint8]:
    """Decode a PNG of three channels of 8 bit without loss, in whatever meaning; arguments as in `decode_labels`.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: `unreadable`, `wrong_type`.
    """
    _check(data, (("rgb", 8),), expected, None)
    return _pixels(data, "RGB")


def decode_depth(data: bytes, *, expected: str, size: tuple[int, int]) -> NDArray[np.uint16]:
    """Decode a depth image: 16 bit gray; arguments as in `decode_labels`.

    Returns:
        (H, W) uint16.

    Raises:
        ImageError: `unreadable`, `wrong_type`, `wrong_size`.
    """
    _check(data, (("gray", 16),), expected, size)
    with pillow_images.opened(data, ["PNG"]) as image:
        return np.array(image, np.uint16)


def _check(data: bytes, types: Collection[tuple[str, int]], expected: str, size: tuple[int, int] | None) -> PngHeader:
    """The header of a whole file of one of these types and of this size."""
    header = read_png_header(data)
    # The claims are judged before decoding: a few bytes may claim 100,000 x 100,000 pixels.
    if (header.color, header.bit_depth) not in types:
        raise ImageError(f"{header}, but {expected}", kind="wrong_type")
    if size is not None and header.size != size:
        raise ImageError(f"{header}, but it must have {size[0]}x{size[1]} px", kind="wrong_size")
    check_png_whole(data)
    return header


def _pixels(data: bytes, mode: str | None) -> NDArray[np.uint8]:
    with pillow_images.opened(data, ["PNG"]) as image:
        return np.array(image if mode is None else image.convert(mode), np.uint8)
