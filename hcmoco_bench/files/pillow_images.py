"""Images of any format as Pillow decodes them: it raises an error where a file ends too early, and prints nothing."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.files.image_error import ImageError

FORMATS: Final = ("PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000")
"""Formats beside JPEG that photographs may have. Pillow knows others, some of which run other programs."""


@contextmanager
def opened(data: Any, formats: Sequence[str]) -> Iterator[Image.Image]:
    """The first image of a file, decoded; what Pillow raises meanwhile becomes an ImageError.

    Args:
        data: The file's content, bytes or a buffer of them.
        formats: The formats that it may have, by Pillow's names.

    Raises:
        ImageError: If it is none of these formats, cut off or damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data), formats=tuple(formats)) as image:
                image.load()
                yield image
    except (OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise ImageError(str(error) or "it is damaged") from error


def decode_rgb(
    data: Any,
    formats: Sequence[str] = FORMATS,
    *,
    reduced: int = 1,
    background: tuple[int, int, int] | None = None,
) -> NDArray[np.uint8]:
    """Decode the first image of a file as RGB; of 16 bits the upper 8 are kept.

    Args:
        data: The file's content, bytes or a buffer of them.
        formats: The formats that it may have, by Pillow's names.
        reduced: Return the means of blocks of `reduced` x `reduced` px.
        background: RGB color on which a transparent image is laid; None drops transparency, which shows whatever color
            transparent pixels have.

    Returns:
        (H, W, 3) uint8.

    Raises:
        ImageError: If it is none of these formats, cut off or damaged, or has values of an unknown range.
    """
    with opened(data, formats) as image:
        rgb = _rgb(_eight_bits(image), background)
        return np.array(rgb if reduced == 1 else rgb.reduce(reduced), np.uint8)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ImageError("its values are floating-point numbers of unknown range", kind="wrong_type")
    if image.mode != "I" and not image.mode.startswith("I;16"):
        return image
    values = np.asarray(image)
    # Pillow keeps 16 bits in 32 where a format has no type of its own for them.
    if int(values.min(initial=0)) < 0 or int(values.max(initial=0)) > 0xFFFF:
        raise ImageError("its values have more than 16 bits", kind="wrong_type")
    return Image.fromarray((values >> 8).astype(np.uint8))


def _rgb(image: Image.Image, background: tuple[int, int, int] | None) -> Image.Image:
    if background is None or not image.has_transparency_data:
        return image.convert("RGB")
    shown = Image.new("RGBA", image.size, (*background, 255))
    return Image.alpha_composite(shown, image.convert("RGBA")).convert("RGB")
