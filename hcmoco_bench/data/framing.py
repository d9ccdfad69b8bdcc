"""Rectangles of whole pixels and the crops that show them, such as the part of a frame that a parsing network sees."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.transforms import Crop

Framing: TypeAlias = Literal["fit", "stretch", "person"]
"""How a frame fills the square input of a parsing network.

`fit` scales the longer side to the square, keeps the aspect ratio, and leaves the rest empty; `stretch` scales both
sides to the square; `person` takes the square around the pixels with a depth measurement.
"""

SCALES: Final = tuple(tenths / 10 for tenths in range(5, 17))
"""Scale factors in training, equally likely: 0.5, 0.6, ... 1.6, as published."""

_MARGIN: Final = 1.1
_SMALLEST: Final = 32


class Region(NamedTuple):
    """A rectangle of whole pixels; it may extend beyond the image.

    Attributes:
        left: First column, px.
        top: First row, px.
        width: Number of columns, px.
        height: Number of rows, px.
    """

    left: int
    top: int
    width: int
    height: int


def region_of(framing: Framing, width: int, height: int, measured: NDArray[np.bool_] | None = None) -> Region:
    """The region of a frame that fills the input.

    Args:
        framing: How the frame fills the input.
        width: Width of the frame in px.
        height: Height of the frame in px.
        measured: (height, width) bool, where depth was measured. Only `person` uses it; without any measured pixel,
            `person` falls back to `fit`.
    """
    if framing == "stretch":
        return Region(0, 0, width, height)
    if framing == "person" and measured is not None and measured.any():
        rows, columns = np.flatnonzero(measured.any(axis=1)), np.flatnonzero(measured.any(axis=0))
        (top, bottom), (left, right) = (rows[0], rows[-1] + 1), (columns[0], columns[-1] + 1)
        side = max(_SMALLEST, round(_MARGIN * max(bottom - top, right - left)))
        return Region(int(left + right - side) // 2, int(top + bottom - side) // 2, side, side)
    return Region(0, 0, max(width, height), max(width, height))


def region_crop(region: Region, size: int) -> Crop:
    """The crop that resizes a region to `size` x `size` px: the edges of the region become the edges of the crop."""
    return Crop(_onto(region, size, 1.0, (0.0, 0.0)), size, size)


def random_region_crop(region: Region, size: int, rng: np.random.Generator, *, corner: bool) -> Crop:
    """The training crop of a frame: a random window of the region scaled by one of `SCALES`, mirrored half the time.

    Args:
        region: The region that fills the input at scale 1.
        size: Side of the crop in px.
        rng: Source of randomness.
        corner: Put a region smaller than the window into its upper left corner, as published, instead of anywhere.
    """
    scale = float(rng.choice(SCALES))
    slack = size * (1 - scale)
    lowest, highest = min(slack, 0.0), 0.0 if corner else max(slack, 0.0)
    shift = (rng.uniform(lowest, highest), rng.uniform(lowest, highest))
    crop = Crop(_onto(region, size, scale, shift), size, size)
    return crop.flipped() if rng.random() < 0.5 else crop


def _onto(region: Region, size: int, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    across, down = scale * size / region.width, scale * size / region.height
    # The edge of a pixel lies half a px before its center.
    return np.array(
        [
            [across, 0.0, shift[0] + across * (0.5 - region.left) - 0.5],
            [0.0, down, shift[1] + down * (0.5 - region.top) - 0.5],
        ]
    )
