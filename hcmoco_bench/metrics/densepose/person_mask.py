"""Masks of annotated and detected people in the image, and how far they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose.run_lengths import decode_union

Pixels = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PlacedMask:
    """A mask within an image.

    Attributes:
        left: Column of its first pixel.
        top: Row of its first pixel.
        pixels: (h, w) bool, no pixel outside of the image.
        area: Number of its pixels.
    """

    left: int
    top: int
    pixels: Pixels
    area: int


def place_mask(pixels: Pixels, box: Sequence[float], size: tuple[int, int]) -> PlacedMask:
    """Put a mask of a box into an image, as DensePose's evaluation does: without the fractions of left and top.

    Args:
        pixels: (h, w) mask over the box.
        box: Left, top, width, height, px.
        size: Height and width of the image, px.
    """
    x, y, width, height = box
    left, top = int(x), int(y)
    first_column, first_row = max(left, 0), max(top, 0)
    last_column = max(min(int(x + width), size[1], left + pixels.shape[1]), first_column)
    last_row = max(min(int(y + height), size[0], top + pixels.shape[0]), first_row)
    inside = pixels[first_row - top : last_row - top, first_column - left : last_column - left]
    return PlacedMask(first_column, first_row, inside, int(np.count_nonzero(inside)))


def annotation_mask(entry: Any, box: Sequence[float], size: tuple[int, int]) -> PlacedMask:
    """The mask of an annotated person.

    Args:
        entry: `dp_masks` (a list of run-length encoded masks over the box, those of absent parts empty lists),
            `segmentation` (polygons, or a run-length encoded mask of the image), or None for no mask.
        box: Of the annotation.
        size: Height and width of the image, px.

    Raises:
        DataError: Kind `mask_unreadable`.
    """
    try:
        if isinstance(entry, dict):
            return _whole(decode_union([entry]), size)
        present = [one for one in entry or [] if one]
        if not present:
            return PlacedMask(0, 0, np.zeros((0, 0), np.bool_), 0)
        if isinstance(present[0], dict):
            target = (max(float(box[3]), 1.0), max(float(box[2]), 1.0))
            return place_mask(resample_mask(decode_union(present), target), box, size)
        polygons = [_polygon(one) for one in present]
        return _whole(decode_union(coco_mask.frPyObjects(polygons, *size)), size)
    except (ValueError, TypeError, KeyError, MemoryError) as error:
        raise DataError(f"a mask of an annotation cannot be decoded ({error})", kind="mask_unreadable") from error


def resample_mask(mask: Pixels, size: tuple[float, float]) -> Pixels:
    """Stretch a mask to about a size, as `scipy.ndimage.zoom` does with first-order splines, cut at one half.

    Only pixels whose four neighbors differ are computed; results are the same to the last one.

    Args:
        mask: (H, W).
        size: Height and width, px; rounded.
    """
    rows, columns = (_places(length, target) for length, target in zip(mask.shape, size, strict=True))
    # Decoded masks lie column by column in memory.
    values = np.ascontiguousarray(mask.T).view(np.uint8)
    pairs = values[columns.first] + values[columns.second]
    count = pairs.take(rows.first, axis=1) + pairs.take(rows.second, axis=1)
    found = count == 4
    mixed = np.flatnonzero(count - np.uint8(1) < 3)
    x, y = np.divmod(mixed, len(rows.first))
    share = np.zeros(len(mixed))
    for row, row_share in ((rows.first, 1.0 - rows.share), (rows.second, rows.share)):
        for column, column_share in ((columns.first, 1.0 - columns.share), (columns.second, columns.share)):
            share += values[column[x], row[y]] * (row_share[y] * column_share[x])
    found.reshape(-1)[mixed] = share > 0.5
    # Rounding puts a last row or column outside for some sizes, where `zoom` sees background.
    found[columns.outside] = False
    found[:, rows.outside] = False
    return np.asarray(found.T)


def mask_overlaps(
    detected: Sequence[PlacedMask], annotated: Sequence[PlacedMask], crowd: Pixels
) -> NDArray[np.float64]:
    """Intersection over union of masks; over the detection's own area where the annotation is a crowd.

    Returns:
        (D, G) 0..1.
    """
    found = np.zeros((len(detected), len(annotated)))
    for d, one in enumerate(detected):
        for g, other in enumerate(annotated):
            common = _common(one, other)
            if common:
                found[d, g] = common / (one.area if crowd[g] else one.area + other.area - common)
    return found


def box_overlaps(detected: NDArray[np.float64], annotated: NDArray[np.float64], crowd: Pixels) -> NDArray[np.float64]:
    """As `mask_overlaps` for (D, 4) and (G, 4) boxes of left, top, width, height, px."""
    first, second = detected[:, None], annotated[None]
    low = np.maximum(first[..., :2], second[..., :2])
    sides = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:]) - low
    common = np.where((sides > 0).all(-1), sides[..., 0] * sides[..., 1], 0.0)
    own, other = first[..., 2] * first[..., 3], second[..., 2] * second[..., 3]
    whole = np.where(crowd, own, own + other - common)
    return np.divide(common, whole, out=np.zeros_like(common), where=common > 0)


def _common(one: PlacedMask, other: PlacedMask) -> int:
    left, top = max(one.left, other.left), max(one.top, other.top)
    right = min(one.left + one.pixels.shape[1], other.left + other.pixels.shape[1])
    bottom = min(one.top + one.pixels.shape[0], other.top + other.pixels.shape[0])
    if right <= left or bottom <= top:
        return 0
    parts = [
        mask.pixels[top - mask.top : bottom - mask.top, left - mask.left : right - mask.left] for mask in (one, other)
    ]
    return int(np.count_nonzero(parts[0] & parts[1]))


@dataclass(frozen=True, eq=False)
class _Places:
    """Where the pixels of a stretched axis lie on the old one: two neighbors, the share of the second, and outside."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    share: NDArray[np.float64]
    outside: Pixels


def _places(length: int, target: float) -> _Places:
    count = round(length * (target / length))
    step = (length - 1) / (count - 1) if count > 1 else 1.0
    place = np.arange(count) * step
    first = np.floor(place).astype(np.intp)
    outside = np.asarray(place > length - 1)
    return _Places(np.minimum(first, length - 1), np.minimum(first + 1, length - 1), place - first, outside)


def _whole(pixels: Pixels, size: tuple[int, int]) -> PlacedMask:
    if pixels.shape != size:
        raise ValueError(f"a mask of {pixels.shape} px in an image of {size} px")
    return PlacedMask(0, 0, pixels, int(np.count_nonzero(pixels)))


def _polygon(corners: Any) -> list[float]:
    numbers = [float(value) for value in corners]
    if len(numbers) < 6 or len(numbers) % 2 or not np.isfinite(numbers).all():
        raise ValueError("a polygon without three corners")
    return numbers
