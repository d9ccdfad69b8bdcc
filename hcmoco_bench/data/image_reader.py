"""Decoded images of a store by row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb, decode_unchanged


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

    def read(self, row: int, column: str) -> NDArray[Any] | None:
        """The image of a row; None if the row has no such image.

        Args:
            row: Number of the row.
            column: `rgb` is decoded as RGB, others (`depth`, `parts`) with the values and type they have.

        Raises:
            StoreError: If the image cannot be read or decoded.
        """
        shard, group, index = self._locations[row].tolist()
        data = self._reader.read(shard, group, index, column)
        if data is None:
            return None
        try:
            return decode_rgb(data) if column == "rgb" else decode_unchanged(data)
        except ImageError as error:
            raise StoreError(
                f"sample {self._ids[row]}: column {column} cannot be decoded; run verify on {self._store}"
            ) from error
