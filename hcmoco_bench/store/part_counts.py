"""How many pixels and frames of a store show each part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_unchanged
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.store import AnyStore


@dataclass(frozen=True)
class PartCounts:
    """Counts over all rows of a store.

    Attributes:
        pixels: (25,) int64 pixels of each class, background at 0.
        frames: (25,) int64 frames that hold each class.
        n_frames: Number of rows counted.
    """

    pixels: NDArray[np.int64]
    frames: NDArray[np.int64]
    n_frames: int


def count_parts(store: AnyStore, *, progress: Progress = no_progress) -> PartCounts:
    """Count the parts of every stored split, one row group at a time.

    Raises:
        StoreError: If the store has no part masks, or one cannot be decoded.
    """
    if not store.capabilities.parts:
        raise StoreError(f"{store.path}: has no part masks to count; prepare one with masks (--annotations)")
    n_classes = len(part_table())
    pixels = np.zeros(n_classes, np.int64)
    frames = np.zeros(n_classes, np.int64)
    n_frames, key = 0, store.kind.key
    total = store.manifest.rows
    for split in store.stored_splits:
        for table in store.tables(split, [key, "parts"]):
            for row in table.to_pylist():
                try:
                    mask = decode_unchanged(row["parts"]["bytes"])
                except ImageError as error:
                    raise StoreError(f"{store.path}: parts of {row[key]} cannot be decoded; run verify") from error
                counts = np.bincount(mask.reshape(-1), minlength=n_classes)
                if len(counts) > n_classes:
                    raise StoreError(f"{store.path}: parts of {row[key]} hold class {len(counts) - 1}; run verify")
                pixels += counts
                frames += counts > 0
                n_frames += 1
            progress("counting parts", n_frames, total)
    return PartCounts(pixels, frames, n_frames)
