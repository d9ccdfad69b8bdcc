"""Decoded images of a store by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.errors import StoreError


class ImageReader:
    """Reads and decodes the images of rows. It can be pickled; each process opens its own files.

    Args:
        store: Folder of the store, for messages.
        shards: Shards of the store.
        ids: (N,) sample ids of the rows.
        locations: (N, 3) shard, row group, and row in the group.
    """

    def __init__(
        self, store: Path, shards: Sequence[Path], ids: NDArray[np.str_], locations: NDArray[np.int32]
    ) -> None:
        self._store, self._ids, self._locations = store, ids, locations
        self._reader = ShardReader(shards)

    def read(self, row: int, column: str, flags: int) -> NDArray[Any] | None:
        """The image of a row, decoded by OpenCV with the given flags; None if the row has no such image.

        Raises:
            StoreError: If the image cannot be read or decoded.
        """
        shard, group, index = self._locations[row].tolist()
        data = self._reader.read(shard, group, index, column)
        if data is None:
            return None
        image: NDArray[Any] | None = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        if image is None:
            raise StoreError(f"sample {self._ids[row]}: column {column} cannot be decoded; run verify on {self._store}")
        return image
