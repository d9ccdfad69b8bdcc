"""Which part of a frame becomes the square input of a parsing network, with and without chance."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.transforms import Crop

Framing: TypeAlias = Literal["fit", "stretch", "person"]
"""fit: the longer side fills the square, the aspect stays, the rest is empty; stretch: both sides fill it; person: the
square around the pixels with a measurement."""

SCALES: Final = tuple(tenths / 10 for tenths in range(5, 17))
"""Factors of the training's scale, equally likely: 0.5, 0.6, ... 1.6, as published."""

_MARGIN: Final = 1.1
_SMALLEST: Final = 32


class Region(NamedTuple):
    """A rectangle of whole pixels, whose edges are those of the input; it may reach beyond the frame.

    Attributes:
        left: First column.
        top: First row.
        width: Columns.
        height: Rows.
    """

    left: int
    top: int
    width: int
    height: int


def region_of(framing: Framing, width: int, height: int, measured: NDArray[np.bool_] | None = None) -> Region:
    """The region that fills the input.

    Args:
        framing: How.
        width: Of the frame, px.
        height: Of the frame, px.
        measured: (height, width) where depth was measured; for `person`, and without any such pixel `fit` is taken.
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
    """The crop of `size` x `size` px that a region fills; nothing random."""
    return Crop(_onto(region, size, 1.0, (0.0, 0.0)), size, size)


def random_region_crop(region: Region, size: int, rng: np.random.Generator, *, corner: bool) -> Crop:
    """The training's crop: scaled by one of `SCALES`, a random window of that, mirrored every second time.

    Args:
        region: What fills the input before the scale.
        size: Side of the crop, px.
        rng: Decides.
        corner: A region smaller than the window lies in its upper left corner, as published; otherwise anywhere.
    """
    scale = float(rng.choice(SCALES))
    room = size * (1 - scale)
    lowest, highest = min(room, 0.0), 0.0 if corner else max(room, 0.0)
    shift = (rng.uniform(lowest, highest), rng.uniform(lowest, highest))
    crop = Crop(_onto(region, size, scale, shift), size, size)
    return crop.flipped() if rng.random() < 0.5 else crop


def _onto(region: Region, size: int, scale: float, shift: tuple[float, float]) -> NDArray[np.float64]:
    across, down = scale * size / region.width, scale * size / region.height
    # Edges of pixels lie half a px before their centers.
    return np.array(
        [
            [across, 0.0, shift[0] + across * (0.5 - region.left) - 0.5],
            [0.0, down, shift[1] + down * (0.5 - region.top) - 0.5],
        ]
    )
