"""Encoded images by row, each with the region from which views are taken: what stores and folders have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.framing import Region
from hcmoco_bench.files.images import Reduction


@dataclass(frozen=True)
class SourceImage:
    """One image of a source, not decoded yet.

    Attributes:
        sample_id: Id of the row.
        width: Width of the decoded image in px.
        height: Height of the decoded image in px.
        decode: Decodes the image at 1/1, 1/2, 1/4 or 1/8 of its size, rounded up, as (H, W, 3) uint8 RGB. Raises
            StoreError or DataError if that is not possible.
        within: Region of the image that shows the person; None for the whole image.
    """

    sample_id: str
    width: int
    height: int
    decode: Callable[[Reduction], NDArray[np.uint8]]
    within: Region | None = None


class ImageSource(Protocol):
    """Images by row. A source can be pickled; each process opens its own files."""

    def __len__(self) -> int: ...

    def image(self, row: int) -> SourceImage:
        """The image of a row.

        Raises:
            StoreError: If a store's image is missing or damaged.
            DataError: If a file is damaged, or is not the one that was there at first.
        """
        ...
