"""What training keeps in memory of an NTU store: ids, rigs, and the main body's joints; the images stay on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hcmoco_bench.errors import StoreError
from hcmoco_bench.store.arrays.samples import N_JOINTS
from hcmoco_bench.store.store import AnyStore

_COLUMNS: Final = [
    "sample_id",
    "setup",
    "camera",
    "bodies.list.element.joints_depth",
    "bodies.list.element.tracking",
]


@dataclass(frozen=True)
class NtuIndex:
    """The rows of a split, about 300 bytes each.

    Attributes:
        ids: (N,) sample ids.
        rigs: (N,) rig of each row, `SsssCccc`.
        locations: (N, 3) int32: shard, row group, row in the group.
        joints: (N, 25, 2) float32 px (x, y) of the main body in the depth frame; 0 where not finite or no body.
        tracking: (N, 25) uint8: 0 not known, 1 inferred, 2 tracked.
    """

    ids: NDArray[np.str_]
    rigs: NDArray[np.str_]
    locations: NDArray[np.int32]
    joints: NDArray[np.float32]
    tracking: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> NtuIndex:
        """Some of the rows, by number or by mark."""
        return NtuIndex(self.ids[rows], self.rigs[rows], self.locations[rows], self.joints[rows], self.tracking[rows])


def read_index(store: AnyStore, split: str) -> NtuIndex:
    """Read a split's ids, rigs and joints; the images are not touched.

    Raises:
        StoreError: If there is no such split, or a shard cannot be read.
    """
    if split not in store.splits:
        raise StoreError(f"{store.path}: no split {split!r}; it has {', '.join(store.splits)}")
    stored = split in store.stored_splits
    chosen = None if stored else pa.array(store.splits[split].ids, pa.string())
    pieces = []
    for shard, path in enumerate(store.shards()):
        if stored and path not in store.shards(split):
            continue
        try:
            with pq.ParquetFile(path) as file:
                for group in range(file.num_row_groups):
                    piece = _piece(file.read_row_group(group, _COLUMNS), shard, group, chosen)
                    pieces.append(piece)
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error
    ids, rigs, locations, joints, tracking = (
        (np.concatenate(parts) for parts in zip(*pieces, strict=True)) if pieces else _nothing()
    )
    return NtuIndex(ids, rigs, locations, joints, tracking)


_Piece = tuple[NDArray[np.str_], NDArray[np.str_], NDArray[np.int32], NDArray[np.float32], NDArray[np.uint8]]


def _nothing() -> _Piece:
    empty = np.empty(0, np.str_)
    return (
        empty,
        empty,
        np.empty((0, 3), np.int32),
        np.empty((0, N_JOINTS, 2), np.float32),
        np.empty((0, N_JOINTS), np.uint8),
    )


def _piece(table: pa.Table, shard: int, group: int, chosen: pa.Array | None) -> _Piece:
    rows = np.arange(table.num_rows)
    if chosen is not None:
        rows = rows[pc.is_in(table["sample_id"], chosen).to_numpy()]
        table = table.take(rows)
    bodies = table["bodies"].combine_chunks()
    starts = bodies.offsets.to_numpy()
    main = starts[:-1][np.diff(starts) > 0]
    somebody = np.diff(starts) > 0
    joints = np.zeros((len(rows), N_JOINTS, 2), np.float32)
    tracking = np.zeros((len(rows), N_JOINTS), np.uint8)
    if len(main):
        first = bodies.values.take(pa.array(main))
        joints[somebody] = _flat(pc.struct_field(first, "joints_depth")).reshape(-1, N_JOINTS, 2)
        tracking[somebody] = _flat(pc.struct_field(first, "tracking")).reshape(-1, N_JOINTS)
    finite = np.isfinite(joints).all(axis=2)
    tracking[~finite], joints[~finite] = 0, 0.0
    locations = np.column_stack([np.full_like(rows, shard), np.full_like(rows, group), rows]).astype(np.int32)
    setup, camera = (table[name].to_numpy() for name in ("setup", "camera"))
    rigs = np.array([f"S{s:03}C{c:03}" for s, c in zip(setup, camera, strict=True)], np.str_)
    return np.array(table["sample_id"].to_pylist(), np.str_), rigs, locations, joints, tracking


def _flat(values: pa.Array) -> NDArray[np.float32]:
    while pa.types.is_list(values.type):
        values = values.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False))
