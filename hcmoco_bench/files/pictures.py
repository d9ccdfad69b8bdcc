"""Pictures of any kind from elsewhere, as people see them: upright, in RGB, and refused where they are damaged."""

from __future__ import annotations

import os
import struct
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from hcmoco_bench.files import pillow_images
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import Reduction, decode_rgb
from hcmoco_bench.files.jpeg import is_jpeg
from hcmoco_bench.files.png import check_png_whole, is_png

BACKGROUND: Final = (124, 116, 104)
"""RGB color behind transparent pixels: the mean of ImageNet's images, which is 0 after normalization."""

HEAD: Final = 4096
"""Bytes at the beginning of a file that tell most files of one size from each other."""

_TURNED: Final = 5
"""The first EXIF orientation that swaps width and height; all later ones do, too."""

_END_MARKS: Final = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82", "GIF": b"\x3b"}
"""Last bytes of most whole files, by format."""


_BEGINNINGS: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"RIFF")
"""First bytes of files that are pictures even if their header is damaged."""

_LONGEST: Final = max(map(len, _BEGINNINGS))


@dataclass(frozen=True)
class PictureHeader:
    """What is known of a picture without decoding it.

    Attributes:
        width: Width of the upright picture in px.
        height: Height of the upright picture in px.
        orientation: How the decoder's pixels become the upright picture, 1..8 as in EXIF; 1 for as they are.
        size: Size of the file in bytes.
        head: The first `HEAD` bytes of the file.
    """

    width: int
    height: int
    orientation: int
    size: int
    head: bytes


def read_picture_header(path: Path) -> PictureHeader:
    """Read a picture's header and check that the file is not cut off.

    A file whose last bytes do not show that it is whole, as programs that append data of their own leave it, is decoded
    once. Damage between beginning and end shows only in `decode_picture`.

    Raises:
        ImageError: `wrong_type` for what is not a picture of a format that can be read, `wrong_size` for one of more
            px than can be decoded, `unreadable` for a damaged or cut-off one.
        OSError: If the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(HEAD)
        if not head:
            raise ImageError("it has no bytes")
        kind, width, height, orientation = _header(file)
        file.seek(max(0, size - 16))
        if not file.read().endswith(_END_MARKS.get(kind, b"a mark that no file has")):
            file.seek(0)
            height, width = decode_picture(file.read(), orientation).shape[:2]
    return PictureHeader(width, height, orientation, size, head)


def decode_picture(data: Any, orientation: int = 1, *, reduced: Reduction = 1) -> NDArray[np.uint8]:
    """Decode a picture, upright; of an animation or a file of several pages the first image.

    Args:
        data: The file's content, bytes or a buffer of them.
        orientation: The header's.
        reduced: Decode at 1/2, 1/4 or 1/8 of the size, which is much faster for JPEG.

    Returns:
        (H, W, 3) uint8 RGB. Gray pictures have three equal channels; transparent pixels have the color `BACKGROUND`;
        of 16 bits the upper 8 are kept.

    Raises:
        ImageError: If it is no picture, cut off or damaged.
    """
    content = memoryview(data)
    if not len(content):
        raise ImageError("it has no bytes")
    if is_jpeg(content):
        return _upright(decode_rgb(content, reduced=reduced), orientation)
    if is_png(content):
        check_png_whole(content)
    rgb = pillow_images.decode_rgb(content, reduced=reduced, background=BACKGROUND)
    return _upright(rgb, orientation)


def _header(file: BinaryIO) -> tuple[str, int, int, int]:
    """Format, width and height of the upright picture, and orientation of the decoder's pixels.

    The size of a TIFF file is that before or after turning, depending on Pillow's version; it is decoded anyway.
    """
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(file, formats=("JPEG", *pillow_images.FORMATS)) as image:
                turned = image.getexif().get(ExifTags.Base.Orientation, 1)
                # A picture with further ones behind it (`MPO`) is a JPEG.
                kind, size = str(image.format).replace("MPO", "JPEG"), image.size
    except Image.DecompressionBombError as error:
        raise ImageError("it has more pixels than can be decoded", kind="wrong_size") from error
    except UnidentifiedImageError as error:
        file.seek(0)
        if file.read(_LONGEST).startswith(_BEGINNINGS):
            raise ImageError("its header is damaged") from error
        raise ImageError("it is not a picture of a format that can be read", kind="wrong_type") from error
    except (OSError, ValueError, SyntaxError, EOFError, struct.error) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ImageError(str(error) or "its header is damaged") from error
    orientation = int(turned) if turned in range(1, 9) else 1
    width, height = reversed(size) if orientation >= _TURNED else size
    # Pillow turns TIFF files when it decodes them.
    return kind, width, height, 1 if kind == "TIFF" else orientation


def _upright(rgb: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """The picture that viewers show, by the meaning of EXIF's orientations."""
    if orientation == 1:
        return rgb
    if orientation >= _TURNED:
        rgb = rgb.transpose(1, 0, 2)
    rows = slice(None, None, -1 if orientation in (3, 4, 7, 8) else 1)
    columns = slice(None, None, -1 if orientation in (2, 3, 6, 7) else 1)
    return np.ascontiguousarray(rgb[rows, columns])
