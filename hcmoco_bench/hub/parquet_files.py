"""Rows of a store to the Parquet files of one published split: little in memory, the same bytes every time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.hashing import file_sha256

if TYPE_CHECKING:
    from datasets import Features

ROWS_PER_FILE = 2000
"""Rows in one file: about 200 MB of full rows."""

ROWS_PER_GROUP = 100
"""Rows in one row group: what is held in memory at a time, and what a reader fetches for one row."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a published split.

    Attributes:
        path: Path below the dataset folder, with forward slashes.
        rows: Number of rows.
        size: Bytes on disk.
        arrow_bytes: Bytes of the rows in memory, as `datasets` counts them.
        sha256: SHA-256 (hex) of the file.
    """

    path: str
    rows: int
    size: int
    arrow_bytes: int
    sha256: str


def write_split(
    tables: Iterable[pa.Table],
    total: int,
    features: Features,
    folder: Path,
    split: str,
    *,
    rows_per_file: int = ROWS_PER_FILE,
    report: Callable[[int], None],
) -> list[DataFile]:
    """Write one split as `<split>-NNNNN-of-NNNNN.parquet`, readable as it is by `datasets`, pandas and Arrow.

    Args:
        tables: The rows in order, in tables of any size.
        total: Number of rows in all; must be what `tables` yields, and at least 1.
        features: Their features; the Arrow schema with these features is in the files' metadata.
        folder: Folder that exists.
        split: Name of the split.
        rows_per_file: Upper limit of rows in a file.
        report: Told the number of rows written so far.

    Returns:
        The files, with paths relative to `folder`.

    Raises:
        StoreError: If the rows do not have the columns of `features`, or are not `total`.
    """
    schema = features.arrow_schema
    codecs, dictionaries = _codecs(schema)
    count = -(-total // rows_per_file)
    files: list[DataFile] = []
    batches = _rebatch((_conform(table, schema) for table in tables), rows_per_file)
    written = 0
    for number in range(count):
        path = folder / f"{split}-{number:05d}-of-{count:05d}.parquet"
        rows = arrow_bytes = 0
        expected = min(rows_per_file, total - number * rows_per_file)
        with (
            path.open("wb") as handle,
            pq.ParquetWriter(
                handle, schema, compression=codecs, use_dictionary=dictionaries, write_page_index=True
            ) as writer,
        ):
            while rows < expected and (batch := next(batches, None)) is not None:
                writer.write_table(batch, row_group_size=ROWS_PER_GROUP)
                rows += batch.num_rows
                arrow_bytes += batch.nbytes
                report(written + rows)
        written += rows
        files.append(DataFile(path.name, rows, path.stat().st_size, arrow_bytes, file_sha256(path)))
    if written != total or next(batches, None) is not None:
        raise StoreError(f"split {split}: {written} rows were found, not {total}; verify the store")
    return files


def _rebatch(tables: Iterable[pa.Table], rows_per_file: int) -> Iterator[pa.Table]:
    """Cut and join tables into row groups of the full size, starting anew at each file."""
    waiting: list[pa.Table] = []
    held = in_file = 0
    for table in tables:
        while table.num_rows:
            wanted = min(ROWS_PER_GROUP, rows_per_file - in_file) - held
            waiting.append(table.slice(0, wanted))
            held += waiting[-1].num_rows
            table = table.slice(wanted)
            if held == min(ROWS_PER_GROUP, rows_per_file - in_file):
                yield pa.concat_tables(waiting).combine_chunks()
                in_file = (in_file + held) % rows_per_file
                waiting, held = [], 0
    if held:
        yield pa.concat_tables(waiting).combine_chunks()


def _conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    try:
        return table.select(schema.names).cast(schema)
    except (KeyError, ValueError, pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise StoreError(f"the rows do not have the columns of a prepared store ({error}); prepare it again") from None


def _codecs(schema: pa.Schema) -> tuple[dict[str, str], list[str]]:
    """Compression of each leaf column, and the leaf columns that get a dictionary.

    Images are compressed already: their pages are kept as they are, which also lets the Hub find equal pieces.
    """
    codecs: dict[str, str] = {}

    def visit(prefix: str, kind: pa.DataType) -> None:
        if pa.types.is_struct(kind):
            for child in kind:
                visit(f"{prefix}.{child.name}", child.type)
        elif pa.types.is_list(kind):
            visit(f"{prefix}.list.element", kind.value_type)
        else:
            codecs[prefix] = "NONE" if pa.types.is_binary(kind) else "ZSTD"

    for field in schema:
        visit(field.name, field.type)
    return codecs, [name for name, codec in codecs.items() if codec != "NONE"]
