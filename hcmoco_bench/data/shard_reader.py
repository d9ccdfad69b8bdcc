"""Random access to the images in Parquet shards, without reading row groups around them or keeping them in memory.

Shards do not compress images, so the bytes of every JPEG and PNG are in the file unchanged. On first access to a row
group, Arrow reads its images once and the reader locates them in the file; from then on an image costs one `pread` of
its own bytes. The alternatives for one random row (`benchmarks/data.py` measures them): reading its row group costs 32
rows; a memory-mapped Arrow file is as fast but is a second copy of the whole data set on disk.
"""

from __future__ import annotations

import os
import struct
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.parquet import open_parquet

OPEN_FILES: Final = 256
"""Number of shards that a process keeps open, well below the usual limit of 1,024 files."""

_ABSENT: Final = -1


class ShardReader:
    """Reads the encoded bytes of images by shard, row group and row.

    A reader can be pickled; each process opens its own files.

    Args:
        shards: Shards that `prepare` wrote.
    """

    def __init__(self, shards: Sequence[Path]) -> None:
        self._shards = tuple(shards)
        self._spans: dict[tuple[int, int, str], NDArray[np.int64]] = {}
        self._open: OrderedDict[int, int] = OrderedDict()

    def read(self, shard: int, group: int, row: int, column: str) -> bytes | None:
        """The encoded image of a row of a row group; None if the row has no such image.

        Raises:
            StoreError: If the shard cannot be read or was not written by `prepare`.
        """
        key = (shard, group, column)
        spans = self._spans.get(key)
        if spans is None:
            spans = self._spans[key] = self._locate(shard, group, column)
        start, length = spans[row].tolist()
        if start == _ABSENT:
            return None
        return self._pread(shard, length, start)

    def close(self) -> None:
        """Close all files; the next access opens them again."""
        while self._open:
            os.close(self._open.popitem()[1])

    def __del__(self) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": OrderedDict()}

    def _locate(self, shard: int, group: int, column: str) -> NDArray[np.int64]:
        """(rows, 2) offset in the file and length, in bytes, of each image of a row group."""
        path = self._shards[shard]
        try:
            with open_parquet(path) as file:
                chunk = _chunk(file.metadata.row_group(group), f"{column}.bytes")
                images = file.read_row_group(group, [f"{column}.bytes"])[column].combine_chunks()
            values = pc.struct_field(images, "bytes")
        except (OSError, pa.ArrowException, KeyError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error
        if chunk.compression != "UNCOMPRESSED" or chunk.has_dictionary_page:
            raise _encoded(path, column)
        raw = self._pread(shard, chunk.total_compressed_size, chunk.data_page_offset)
        spans = np.full((len(values), 2), _ABSENT, np.int64)
        cursor = 0
        for row, value in enumerate(values):
            if value.is_valid:
                data = value.as_buffer().to_pybytes()
                # In plain encoding, four bytes of length precede the data; pages begin with a header of a few bytes.
                cursor = raw.find(struct.pack("<I", len(data)) + data, cursor)
                if cursor < 0:
                    raise _encoded(path, column)
                spans[row] = chunk.data_page_offset + cursor + 4, len(data)
                cursor += 4 + len(data)
        return spans

    def _pread(self, shard: int, length: int, start: int) -> bytes:
        try:
            data = os.pread(self._descriptor(shard), length, start)
        except OSError as error:
            raise StoreError(f"{self._shards[shard]}: cannot be read ({error.strerror})") from error
        if len(data) != length:
            raise StoreError(f"{self._shards[shard]}: shorter than before; run verify, then prepare again")
        return data

    def _descriptor(self, shard: int) -> int:
        if shard in self._open:
            self._open.move_to_end(shard)
            return self._open[shard]
        if len(self._open) >= OPEN_FILES:
            os.close(self._open.popitem(last=False)[1])
        descriptor = self._open[shard] = os.open(self._shards[shard], os.O_RDONLY | os.O_CLOEXEC)
        return descriptor


def _chunk(group: Any, path: str) -> Any:
    for index in range(group.num_columns):
        if group.column(index).path_in_schema == path:
            return group.column(index)
    raise KeyError(f"no column {path}")


def _encoded(path: Path, column: str) -> StoreError:
    return StoreError(
        f"{path}: column {column} is compressed or encoded; training reads shards as prepare writes them; prepare "
        "the store again"
    )
