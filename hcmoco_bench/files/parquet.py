"""Parquet files opened for reading, whatever their folder is called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq

from hcmoco_bench.files.outside_text import is_storable


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Lend the open file.

    Raises:
        OSError: If it cannot be opened.
        pyarrow.ArrowException: If it is not a whole Parquet file.
    """
    if is_storable(str(path)):
        with pq.ParquetFile(path) as file:
            yield file
        return
    # Arrow opens UTF-8 names alone, and faster than Python does.
    with path.open("rb") as handle, pq.ParquetFile(handle) as file:
        yield file
