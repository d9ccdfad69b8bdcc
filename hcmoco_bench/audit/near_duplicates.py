"""Pairs of images that show the same moment: re-encoded, resized, slightly cropped, brighter or mirrored copies.

The limits were set on two generated trees with noise (`docs/audit.md`): of 256 bits, copies of the person differ in 0
to 40, neighboring frames mostly in 0 to 38, and frames of other clips in 58 or more, whoever is in them. Whole images
of a camera that stands still differ in as few as 12 bits from clip to clip, and copies in up to 38; there, the largest
local difference of gray images decides: 0 to 0.34 for copies (0.49 for brighter ones), 0.43 or more for other clips.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.audit.image_hashes import GRAY_SIDE, ImageHashes, View
from hcmoco_bench.runtime.progress import Progress, no_progress

MOST_BITS: Final = 48
"""Largest distance of two hashes of near-duplicates, of 256 bits."""

LEAST_CORRELATION: Final = 0.85
"""Smallest correlation of the gray images of near-duplicates that show the person."""

MOST_LOCAL: Final = 0.38
"""Largest difference of near-duplicates that show the whole image: root mean square over a block of 8x8 px of the
gray images, over the deviation of the image, after brightness and contrast are matched."""

_ZOOMS: Final = tuple(1 + step / 100 for step in range(-5, 6))
"""Enlargements of one image by which a crop of the other is undone."""

_EDGE, _BLOCK = 4, 8
"""Px at the border of a gray image that zooming may leave undefined, and the side of a block."""

MOST_CHECKED: Final = 1_000_000
"""Pairs with alike hashes whose gray images are compared; cameras that stand still can make many more alike."""

_PAIRS_AT_ONCE: Final = 2_000_000

_LABEL: Final = "comparing frames"


@dataclass(frozen=True)
class NearDuplicate:
    """A pair of images.

    Attributes:
        first: Row in the first hashes.
        second: Row in the second ones.
        bits: Distance of the hashes.
        mirrored: Whether one is the mirror image of the other.
    """

    first: int
    second: int
    bits: int
    mirrored: bool


@dataclass(frozen=True)
class NearDuplicates:
    """What a comparison found.

    Attributes:
        pairs: Pairs of images of different clips, the most alike first.
        within_clips: Number of pairs of images of the same clip whose hashes are alike; those are not in `pairs`.
        unchecked: Number of pairs of images of different clips whose hashes are alike, and that were not looked at.
    """

    pairs: tuple[NearDuplicate, ...]
    within_clips: int
    unchecked: int = 0


def near_duplicates(
    first: ImageHashes,
    second: ImageHashes,
    view: View,
    *,
    clips: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None,
    progress: Progress = no_progress,
) -> NearDuplicates:
    """Find near-duplicates of two sets of images.

    Hashes are compared in blocks of at most 2 million pairs; pairs whose hashes are alike are compared again by their
    gray images. `python benchmarks/near_duplicates.py STORE` measures the distances on which the limits rest.

    Args:
        first: N images.
        second: M images.
        view: What both show.
        clips: (N,) and (M,) numbers of clips; images of the same number are counted, and not listed. None if no clip is
            on both sides.
        progress: Told the number of pairs done.
    """
    pairs: list[NearDuplicate] = []
    within = done = checked = unchecked = 0
    total = 2 * len(first) * len(second)
    for mirrored in (False, True):
        for start, distances in _blocks(first.bits, second.mirrored if mirrored else second.bits):
            rows, columns = np.nonzero(distances <= MOST_BITS)
            bits = distances[rows, columns].astype(np.int64)
            rows += start
            if clips is not None:
                same = clips[0][rows] == clips[1][columns]
                within += int(same.sum())
                rows, columns, bits = rows[~same], columns[~same], bits[~same]
            kept = np.argsort(bits, kind="stable")[: MOST_CHECKED - checked]
            checked, unchecked = checked + len(kept), unchecked + len(rows) - len(kept)
            rows, columns, bits = rows[kept], columns[kept], bits[kept]
            alike = _look_alike(first.gray, second.gray, rows, columns, view, mirrored=mirrored)
            pairs += [
                NearDuplicate(int(one), int(other), int(distance), mirrored)
                for one, other, distance in zip(rows[alike], columns[alike], bits[alike], strict=True)
            ]
            done += distances.size
            progress(_LABEL, done, total)
    return NearDuplicates(tuple(sorted(_once(pairs), key=_order)), within, unchecked)


def _order(pair: NearDuplicate) -> tuple[int, int, int]:
    return pair.bits, pair.first, pair.second


def _once(pairs: list[NearDuplicate]) -> list[NearDuplicate]:
    """A pair that is alike both ways counts once, as it is more alike."""
    best: dict[tuple[int, int], NearDuplicate] = {}
    for pair in pairs:
        known = best.setdefault((pair.first, pair.second), pair)
        if pair.bits < known.bits:
            best[pair.first, pair.second] = pair
    return list(best.values())


def _blocks(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """First row, and (rows, M) distances in bits, of each block of rows."""
    if not len(second):
        return
    step = max(1, _PAIRS_AT_ONCE // len(second))
    for start in range(0, len(first), step):
        rows = first[start : start + step]
        distances = np.zeros((len(rows), len(second)), np.uint16)
        for word in range(first.shape[1]):
            distances += np.bitwise_count(rows[:, None, word] ^ second[None, :, word])
        yield start, distances


def _look_alike(
    first: NDArray[np.uint8],
    second: NDArray[np.uint8],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    view: View,
    *,
    mirrored: bool,
) -> NDArray[np.bool_]:
    """(K,) whether the gray images of each pair are alike; images of the second side are prepared once each."""
    alike = np.zeros(len(rows), np.bool_)
    if not len(rows):
        return alike
    order = np.argsort(columns, kind="stable")
    found, starts = np.unique(columns[order], return_index=True)
    for column, mine in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
        other = second[column][:, ::-1] if mirrored else second[column]
        for part in np.array_split(mine, -(-len(mine) // 1024)):
            ours = first[rows[part]].astype(np.float32)
            alike[part] = _correlation(ours, other) if view == "person" else _local(ours, other)
    return alike


def _correlation(ours: NDArray[np.float32], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(correlations(ours, other.astype(np.float32)) >= LEAST_CORRELATION)


def correlations(ours: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """(K,) correlation of each of (K, 64, 64) gray images with one."""
    centered, base = ours - ours.mean(axis=(1, 2), keepdims=True), other - other.mean()
    norm = np.sqrt((centered**2).sum(axis=(1, 2)) * (base**2).sum())
    return np.asarray((centered * base).sum(axis=(1, 2)) / np.maximum(norm, 1e-6))


def _local(ours: NDArray[np.float32], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray(local_differences(ours, other) <= MOST_LOCAL)


def local_differences(ours: NDArray[np.float32], other: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(K,) largest local difference of each of (K, 64, 64) gray images from one, at its best zoom; see `MOST_LOCAL`."""
    best = np.full(len(ours), np.inf, np.float32)
    ours = ours[:, _EDGE:-_EDGE, _EDGE:-_EDGE]
    blocks = ours.shape[1] // _BLOCK
    deviation = np.maximum(ours.std(axis=(1, 2)), 1e-3)
    centered = ours - ours.mean(axis=(1, 2), keepdims=True)
    for zoom in _ZOOMS:
        base = _zoomed(other, zoom)[_EDGE:-_EDGE, _EDGE:-_EDGE]
        base = base - base.mean()
        gain = (centered * base).sum(axis=(1, 2)) / max(float((base**2).sum()), 1e-3)
        squares = (centered - gain[:, None, None] * base) ** 2
        local = squares.reshape(len(ours), blocks, _BLOCK, blocks, _BLOCK).mean(axis=(2, 4)).max(axis=(1, 2))
        best = np.minimum(best, np.sqrt(local) / deviation)
    return best


def _zoomed(gray: NDArray[np.uint8], zoom: float) -> NDArray[np.float32]:
    middle = (GRAY_SIDE - 1) / 2
    shift = middle - zoom * middle
    matrix = np.array([[zoom, 0.0, shift], [0.0, zoom, shift]])
    flat = np.ascontiguousarray(gray, np.float32)
    border = cv2.BORDER_REPLICATE
    moved = cv2.warpAffine(flat, matrix, (GRAY_SIDE, GRAY_SIDE), flags=cv2.INTER_LINEAR, borderMode=border)
    return np.asarray(moved, np.float32)
