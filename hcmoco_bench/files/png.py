"""The outside of a PNG file: what it claims to be, and whether it is whole, before any decoder touches it."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class PngError(Exception):
    """The bytes are not one whole PNG file."""


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


_COLORS = {0: "gray", 2: "rgb", 3: "palette", 4: "gray with alpha", 6: "rgb with alpha"}


def read_png_header(data: bytes) -> PngHeader:
    """Read the header; the claimed size may be absurd, and is the caller's to judge before decoding.

    Raises:
        PngError: If this is not the beginning of a PNG file.
    """
    if not data:
        raise PngError("it has no bytes")
    if len(data) < 33 or not data.startswith(_SIGNATURE) or data[8:16] != b"\x00\x00\x00\rIHDR":
        raise PngError("it is not a PNG file")
    width, height, bit_depth, color = struct.unpack(">IIBB", data[16:26])
    if color not in _COLORS:
        raise PngError(f"its color type {color} is unknown")
    return PngHeader((width, height), bit_depth, _COLORS[color])


def check_png_whole(data: bytes) -> None:
    """Check every chunk's length and checksum up to the end chunk; decoders fill what is missing with zeros.

    Raises:
        PngError: If the file is cut off or damaged.
    """
    position = len(_SIGNATURE)
    view = memoryview(data)
    while position + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        end = position + 8 + length
        if end + 4 > len(data):
            break
        kind = data[position + 4 : position + 8]
        if zlib.crc32(view[position + 4 : end]) != struct.unpack_from(">I", data, end)[0]:
            raise PngError(f"it is damaged (checksum of its {kind.decode('latin-1')} chunk)")
        if kind == b"IEND":
            return
        position = end + 4
    raise PngError("it is cut off")
