"""Shards: their file names, how rows are cut into them, and reading them row group by row group."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

import pyarrow as pa

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.parquet import open_parquet

Item = TypeVar("Item")

_SHARD_NAME: Final = re.compile(r"(?P<split>.+)-\d{5}-of-\d{5}\.parquet")


def shard_name(split: str, number: int, count: int) -> str:
    """File name of a split's shard, counted from 0."""
    return f"{split}-{number:05d}-of-{count:05d}.parquet"


def shard_split(file: str) -> str:
    """The split in a shard's file name; raises StoreError for any other name."""
    match = _SHARD_NAME.fullmatch(file)
    if match is None:
        raise StoreError(f"{file}: not a shard's file name (<split>-NNNNN-of-NNNNN.parquet)")
    return match["split"]


def cut_shards(
    split: str, items: Sequence[Item], rows: int, *, at_least: int = 1
) -> Iterator[tuple[str, Sequence[Item]]]:
    """Cut a split into shards of `rows` items, the last one smaller.

    Args:
        split: Name of the split.
        items: What its rows are made of, in order.
        rows: Items a shard.
        at_least: Number of shards of an empty split: 1 for an empty shard, 0 for none.

    Yields:
        File name and items of each shard.
    """
    count = max(at_least, -(-len(items) // rows))
    for number in range(count):
        yield shard_name(split, number, count), items[number * rows : (number + 1) * rows]


def row_groups(
    path: Path, columns: Sequence[str] | None, chosen: frozenset[str] | None, *, key: str = "sample_id"
) -> Iterator[pa.Table]:
    """The row groups of a shard that have any of the chosen rows, and those rows only.

    Args:
        path: The shard.
        columns: Columns to read; None for all.
        chosen: Keys of the rows; None for all rows.
        key: Column of the keys.

    Raises:
        StoreError: If the shard cannot be read.
    """
    try:
        with open_parquet(path) as file:
            for group in range(file.num_row_groups):
                if chosen is None:
                    yield file.read_row_group(group, columns)
                    continue
                ids = file.read_row_group(group, [key])[key].to_pylist()
                keep = [i for i, row_id in enumerate(ids) if row_id in chosen]
                if keep:
                    yield file.read_row_group(group, columns).take(keep)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error


def row_ids(path: Path, key: str) -> list[str]:
    """The keys of a shard's rows, in order; raises StoreError if it cannot be read."""
    return [row_id for table in row_groups(path, [key], None) for row_id in table[key].to_pylist()]
