"""Images of a store by row, decoded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.row_bytes import RowBytes
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.images import ImageError, decode_rgb, decode_unchanged


class StoredImages:
    """Reads and decodes images of rows; picklable, each process opens its own files.

    Args:
        store: The store's folder, for messages.
        shards: Its files.
        ids: (N,) sample ids of the rows.
        places: (N, 3) shard, row group, row in the group.
    """

    def __init__(self, store: Path, shards: Sequence[Path], ids: NDArray[np.str_], places: NDArray[np.int32]) -> None:
        self._store, self._ids, self._places = store, ids, places
        self._bytes = RowBytes(shards)

    def read(self, row: int, column: str) -> NDArray[Any] | None:
        """The image of a row; None if it is null.

        Args:
            row: Its number.
            column: `rgb` is decoded as RGB, others (`depth`, `parts`) with the values and type they have.

        Raises:
            StoreError: If it cannot be read or decoded.
        """
        shard, group, place = self._places[row].tolist()
        data = self._bytes.read(shard, group, place, column)
        if data is None:
            return None
        try:
            return decode_rgb(data) if column == "rgb" else decode_unchanged(data)
        except ImageError as error:
            raise StoreError(
                f"sample {self._ids[row]}: column {column} cannot be decoded; run verify on {self._store}"
            ) from error
