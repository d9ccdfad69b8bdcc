"""The rows of a split that parsing can use: those with the image and the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.store import AnyStore


@dataclass(frozen=True)
class ParsingIndex:
    """The rows of a split, about 200 bytes each.

    Attributes:
        ids: (N,) sample ids.
        locations: (N, 3) int32, shard, row group, and row in the group.
        rigs: (N,) rig of each row, `SsssCccc`; empty strings for a store without rigs.
        groups: (N,) performer or subject of each row; the frames of one person are not independent.
        problems: Rows of the split without the image or the labels.
    """

    ids: NDArray[np.str_]
    locations: NDArray[np.int32]
    rigs: NDArray[np.str_]
    groups: NDArray[np.str_]
    problems: tuple[Problem, ...]

    def __len__(self) -> int:
        return len(self.ids)


def read_parsing_index(store: AnyStore, split: str, column: str) -> ParsingIndex:
    """Read the ids of a split and which images exist, without reading the images.

    Args:
        store: A store with part labels.
        split: One of its splits.
        column: Column of the image, `rgb` or `depth`.

    Raises:
        StoreError: If the store has no such split or column, or if a shard cannot be read.
    """
    if split not in store.splits:
        raise StoreError(f"{store.path}: no split {split!r}; it has {', '.join(store.splits)}")
    stored = split in store.stored_splits
    chosen = None if stored else pa.array(store.splits[split].ids, pa.string())
    tables = []
    for shard, path in enumerate(store.shards()):
        if stored and path not in store.shards(split):
            continue
        try:
            with open_parquet(path) as file:
                names = set(file.schema_arrow.names)
                if not {column, "parts"} <= names:
                    missing = ", ".join(sorted({column, "parts"} - names))
                    raise StoreError(
                        f"{store.path}: has no {missing}; give a store that has, with masks (--annotations)"
                    )
                wanted = ["sample_id", f"{column}.path", "parts.path"]
                wanted += ["setup", "camera"] if store.capabilities.rigs else []
                wanted += [] if store.capabilities.group is None else [store.capabilities.group]
                for group in range(file.num_row_groups):
                    tables.append(_rows(file.read_row_group(group, wanted), shard, group, chosen))
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error
    return _index(tables, column, store.capabilities.group or "sample_id")


def _rows(table: pa.Table, shard: int, group: int, chosen: pa.Array | None) -> list[dict[str, object]]:
    numbers = np.arange(table.num_rows)
    if chosen is not None:
        numbers = numbers[pc.is_in(table["sample_id"], chosen).to_numpy()]
        table = table.take(numbers)
    rows: list[dict[str, object]] = table.to_pylist()
    for row, number in zip(rows, numbers.tolist(), strict=True):
        row["location"] = (shard, group, number)
    return rows


def _index(tables: Sequence[Sequence[dict[str, object]]], column: str, group: str) -> ParsingIndex:
    rows = [row for table in tables for row in table]
    problems = []
    kept = []
    for row in rows:
        missing = [name for name in (column, "parts") if row[name] is None]
        if missing:
            reason = f"no {' and no '.join(missing)} in the store; left out"
            problems.append(Problem(str(row["sample_id"]), f"{missing[0]}_missing", "", reason))
        else:
            kept.append(row)
    rigs = [f"S{row['setup']:03}C{row['camera']:03}" if "setup" in row else "" for row in kept]
    groups = [str(row[group]) for row in kept]
    return ParsingIndex(
        ids=np.array([row["sample_id"] for row in kept], np.str_),
        locations=np.array([row["location"] for row in kept], np.int32).reshape(-1, 3),
        rigs=np.array(rigs, np.str_),
        groups=np.array(groups, np.str_),
        problems=tuple(problems),
    )
