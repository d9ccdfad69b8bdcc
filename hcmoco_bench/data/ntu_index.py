"""What training keeps in memory of an NTU store: ids, rigs, and the joints of the main body; images stay on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.store.arrays.samples import N_JOINTS
from hcmoco_bench.store.store import AnyStore

_COLUMNS: Final = (
    "sample_id",
    "setup",
    "camera",
    "bodies.list.element.joints_depth",
    "bodies.list.element.tracking",
)
_XYZ_COLUMN: Final = "bodies.list.element.joints_xyz"


@dataclass(frozen=True, eq=False)
class NtuIndex:
    """The rows of a split: about 300 bytes each, or 600 with 3-D joints.

    Attributes:
        ids: (N,) sample ids.
        rigs: (N,) rig of each row, `SsssCccc`.
        locations: (N, 3) int32, shard, row group, and row in the group.
        joints: (N, 25, 2) float32 px (x, y) of the main body in the depth frame; 0 if not finite or without a body.
        tracking: (N, 25) uint8, 0 = unknown, 1 = inferred, 2 = tracked.
        joints_xyz: (N, 25, 3) float32 meters of the main body in the space of the depth camera (x right in the image, y
            up, z forward); not finite where the source has no position. None if they were not read.
    """

    ids: NDArray[np.str_]
    rigs: NDArray[np.str_]
    locations: NDArray[np.int32]
    joints: NDArray[np.float32]
    tracking: NDArray[np.uint8]
    joints_xyz: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def nbytes(self) -> int:
        """Size of all arrays in bytes."""
        return sum(values.nbytes for values in vars(self).values() if values is not None)

    def rows(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> NtuIndex:
        """The index of some rows, selected by number or by a mask."""
        xyz = None if self.joints_xyz is None else self.joints_xyz[rows]
        return NtuIndex(
            self.ids[rows], self.rigs[rows], self.locations[rows], self.joints[rows], self.tracking[rows], xyz
        )


def read_index(store: AnyStore, split: str, *, xyz: bool = False) -> NtuIndex:
    """Read the ids, rigs and joints of a split, without reading the images.

    Args:
        store: The store.
        split: A split of the store.
        xyz: Whether to read the 3-D joints.

    Raises:
        StoreError: If there is no such split, or if a shard cannot be read.
    """
    if split not in store.splits:
        raise StoreError(f"{store.path}: no split {split!r}; it has {', '.join(store.splits)}")
    stored = split in store.stored_splits
    chosen = None if stored else pa.array(store.splits[split].ids, pa.string())
    columns = [*_COLUMNS, _XYZ_COLUMN] if xyz else [*_COLUMNS]
    pieces = []
    for shard, path in enumerate(store.shards()):
        if stored and path not in store.shards(split):
            continue
        try:
            with open_parquet(path) as file:
                for group in range(file.num_row_groups):
                    pieces.append(_piece(file.read_row_group(group, columns), shard, group, chosen, xyz=xyz))
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error
    return _joined(pieces) if pieces else _piece_of_nothing(xyz=xyz)


def _joined(pieces: Sequence[NtuIndex]) -> NtuIndex:
    columns = {field.name: [getattr(piece, field.name) for piece in pieces] for field in fields(NtuIndex)}
    joined: dict[str, Any] = {
        name: None if values[0] is None else np.concatenate(values) for name, values in columns.items()
    }
    return NtuIndex(**joined)


def _piece_of_nothing(*, xyz: bool) -> NtuIndex:
    return NtuIndex(
        ids=np.empty(0, np.str_),
        rigs=np.empty(0, np.str_),
        locations=np.empty((0, 3), np.int32),
        joints=np.empty((0, N_JOINTS, 2), np.float32),
        tracking=np.empty((0, N_JOINTS), np.uint8),
        joints_xyz=np.empty((0, N_JOINTS, 3), np.float32) if xyz else None,
    )


def _piece(table: pa.Table, shard: int, group: int, chosen: pa.Array | None, *, xyz: bool) -> NtuIndex:
    """The index of a row group, restricted to the chosen sample ids."""
    rows = np.arange(table.num_rows)
    if chosen is not None:
        rows = rows[pc.is_in(table["sample_id"], chosen).to_numpy()]
        table = table.take(rows)
    bodies = table["bodies"].combine_chunks()
    starts = bodies.offsets.to_numpy()
    has_body = np.diff(starts) > 0
    main = bodies.values.take(pa.array(starts[:-1][has_body]))
    joints = np.zeros((len(rows), N_JOINTS, 2), np.float32)
    tracking = np.zeros((len(rows), N_JOINTS), np.uint8)
    joints_xyz = np.full((len(rows), N_JOINTS, 3), np.nan, np.float32) if xyz else None
    if has_body.any():
        joints[has_body] = _flat(pc.struct_field(main, "joints_depth")).reshape(-1, N_JOINTS, 2)
        tracking[has_body] = _flat(pc.struct_field(main, "tracking")).reshape(-1, N_JOINTS)
        if joints_xyz is not None:
            joints_xyz[has_body] = _flat(pc.struct_field(main, "joints_xyz")).reshape(-1, N_JOINTS, 3)
    finite = np.isfinite(joints).all(axis=2)
    tracking[~finite], joints[~finite] = 0, 0.0
    setup, camera = (table[name].to_numpy() for name in ("setup", "camera"))
    return NtuIndex(
        ids=np.array(table["sample_id"].to_pylist(), np.str_),
        rigs=np.array([f"S{s:03}C{c:03}" for s, c in zip(setup, camera, strict=True)], np.str_),
        locations=np.column_stack([np.full_like(rows, shard), np.full_like(rows, group), rows]).astype(np.int32),
        joints=joints,
        tracking=tracking,
        joints_xyz=joints_xyz,
    )


def _flat(values: pa.Array) -> NDArray[np.float32]:
    while pa.types.is_list(values.type):
        values = values.flatten()
    return np.asarray(values.to_numpy(zero_copy_only=False))
