"""Encoded images by row, each with the region from which views are taken: what stores and folders have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.framing import Region
from hcmoco_bench.files.images import REDUCTIONS, Reduction


@dataclass(frozen=True)
class SourceImage:
    """One image of a source, not decoded yet.

    Attributes:
        sample_id: Id of the row.
        width: Width of the decoded image in px.
        height: Height of the decoded image in px.
        data: The encoded image.
        decode: Decodes the image at 1/1, 1/2, 1/4 or 1/8 of its size, rounded up, as (H, W, 3) uint8 RGB. Raises
            DataError if the image may be passed over because it is damaged, and StoreError if not.
        within: Region of the image that shows the person; None for the whole image.
        turned: Whether decoding turns or mirrors the image.
    """

    sample_id: str
    width: int
    height: int
    data: bytes
    decode: Callable[[Reduction], NDArray[np.uint8]]
    within: Region | None = None
    turned: bool = False

    def reduction(self, regions: Iterable[Region], size: int) -> Reduction:
        """How much smaller the image can be decoded if regions of it are then resized to `size` x `size` px.

        No side of a region becomes smaller than `size`, so that no detail is lost that a view could show.

        Args:
            regions: Regions in px of the image.
            size: Side of the views in px.
        """
        least = min(min(region.width, region.height) for region in regions)
        return next(
            factor for factor in REDUCTIONS if factor == 1 or (factor * size <= least and self._on_grid(factor))
        )

    def _on_grid(self, factor: int) -> bool:
        """Whether px of the reduced image begin at multiples of the factor; a turned image begins with its last px."""
        return not (self.turned and (self.width % factor or self.height % factor))


class ImageSource(Protocol):
    """Images by row. A source can be pickled; each process opens its own files."""

    def __len__(self) -> int: ...

    def image(self, row: int) -> SourceImage:
        """The image of a row.

        Raises:
            StoreError: If a store's image is missing or damaged.
            DataError: If a file is gone, or is not the one that was there at first.
        """
        ...
