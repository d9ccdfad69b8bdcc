"""A frame with part labels and no depth, decoded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.images import decode_image


@dataclass(frozen=True)
class FrameArrays:
    """A frame: (H, W, 3) uint8 RGB, and (H, W) uint8 class indices 0..24."""

    sample_id: str
    rgb: NDArray[np.uint8]
    parts: NDArray[np.uint8]


def decode_frame(row: Mapping[str, Any]) -> FrameArrays:
    """Decode a row as `Store.find` gives it.

    Raises:
        StoreError: If an image is missing or cannot be decoded; names the sample.
    """
    try:
        rgb, parts = (decode_image(row[column]["bytes"], source=column) for column in ("rgb", "parts"))
    except (DataError, TypeError) as error:
        raise StoreError(f"sample {row['sample_id']}: {error}; run verify on the store") from error
    return FrameArrays(row["sample_id"], rgb, parts)
