"""The people in the color images of a prepared store of any kind, found through what the store can do."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from hcmoco_bench.data.crops import BOX_UNIT, box_around, person_square, square_region
from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.image_source import SourceImage
from hcmoco_bench.data.ntu_index import read_index
from hcmoco_bench.data.overlap import Overlap
from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import Reduction, decode_rgb, decode_unchanged, stated_size
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE
from hcmoco_bench.store.store import AnyStore

_PERSON_COLUMNS: Final = tuple(f"people.list.element.{name}" for name in ("person_id", "center", "scale"))

_UNKNOWN: Final = (np.nan, np.nan, np.nan)
"""The square of a person whom only labels or depth may locate; they are read when the row is first used."""

_EVERYWHERE: Final = (0.0, 0.0, np.inf)
"""The square of a person whom nothing locates."""


class PersonImages:
    """The people of a split, one row each: the image that shows the person, and the square around the person.

    The square is that of the annotation (a store with `people`), that around the joints of the main body (with
    `bodies`), or else that around the labeled or measured pixels (with `parts` or `depth`). Without any of these a row
    is a whole image.

    Args:
        store: The store.
        split: A split of it.
        region: Where views are taken from: the square around the `person`, or the whole `image`.
        without: Leave out the samples of these clips and performers.

    Attributes:
        ids: (N,) ids of people or samples.

    Raises:
        UsageError: If the store has no color images.
        StoreError: If there is no such split, nobody in it, or all of it is left out.
    """

    def __init__(
        self,
        store: AnyStore,
        split: str = "train",
        *,
        region: Literal["person", "image"] = "person",
        without: Overlap | None = None,
    ) -> None:
        holds = store.capabilities
        if holds.rgb is None:
            raise UsageError(f"{store.path}: holds no color images to take views of; give another store")
        self._region = region
        self.path, self._column = store.path, holds.rgb
        self._labels = tuple(name for name in ("parts", "depth") if getattr(holds, name))
        self.ids, self._locations, self._squares = _read_rows(store, split)
        if not len(self.ids):
            raise StoreError(f"{store.path}: split {split!r} shows nobody; see its problems.jsonl")
        if without is not None:
            kept = ~without.marks(self.ids)
            self.ids, self._locations, self._squares = self.ids[kept], self._locations[kept], self._squares[kept]
            if not len(self.ids):
                raise StoreError(
                    f"{store.path}: every sample of {split!r} is of a clip of the labeled store or a performer of its "
                    "test split; prepare others, or set overlap=keep, which lets them be seen"
                )
        self._reader = ShardReader(store.shards())

    def __len__(self) -> int:
        return len(self.ids)

    def image(self, row: int) -> SourceImage:
        """See `ImageSource.image`."""
        data = self._read(row, self._column)
        if data is None:
            raise StoreError(f"sample {self.ids[row]}: no {self._column}; run verify on {self.path}")
        try:
            width, height = stated_size(data)
        except ImageError as error:
            raise self._damaged(row, self._column) from error
        within = self._within(row, width, height) if self._region == "person" else None
        return SourceImage(str(self.ids[row]), width, height, data, partial(self._decode, row, data), within)

    def _decode(self, row: int, data: bytes, reduced: Reduction) -> NDArray[np.uint8]:
        try:
            return decode_rgb(data, reduced=reduced)
        except ImageError as error:
            raise self._damaged(row, self._column) from error

    def _within(self, row: int, width: int, height: int) -> Region:
        if np.isnan(self._squares[row, 0]):
            self._squares[row] = self._labeled_square(row)
        x, y, side = self._squares[row].tolist()
        return square_region(np.array([x, y]), side, width, height)

    def _labeled_square(self, row: int) -> NDArray[np.float64]:
        """The square around the labeled pixels, else the measured ones, else everything."""
        for column in self._labels:
            data = self._read(row, column)
            if data is None:
                continue
            try:
                label = decode_unchanged(data)
            except ImageError as error:
                raise self._damaged(row, column) from error
            if label.any():
                down, across = (np.flatnonzero(label.any(axis=axis)) for axis in (1, 0))
                corners = np.array([[across[0], down[0]], [across[-1], down[-1]]], np.float64)
                return person_square(box_around(corners, label.shape[1], label.shape[0]))
        return np.array(_EVERYWHERE)

    def _read(self, row: int, column: str) -> bytes | None:
        shard, group, index = self._locations[row].tolist()
        return self._reader.read(shard, group, index, column)

    def _damaged(self, row: int, column: str) -> StoreError:
        return StoreError(f"sample {self.ids[row]}: column {column} cannot be decoded; run verify on {self.path}")


_Index: TypeAlias = tuple[NDArray[np.str_], NDArray[np.int32], NDArray[np.float64]]
"""Ids (N,); locations (N, 3) shard, row group, row; squares (N, 3) center x, center y, side, px."""


def _read_rows(store: AnyStore, split: str) -> _Index:
    if store.capabilities.bodies:
        return _read_bodies(store, split)
    if split not in store.splits:
        raise StoreError(f"{store.path}: no split {split!r}; it has {', '.join(store.splits)}")
    stored = split in store.stored_splits
    chosen = None if stored else pa.array(store.splits[split].ids, pa.string())
    people = store.capabilities.people
    columns = [store.kind.key, *(_PERSON_COLUMNS if people else ())]
    pieces: list[_Index] = []
    for shard, path in enumerate(store.shards()):
        if stored and path not in store.shards(split):
            continue
        try:
            with open_parquet(path) as file:
                for group in range(file.num_row_groups):
                    table = file.read_row_group(group, columns)
                    rows = np.arange(table.num_rows)
                    if chosen is not None:
                        rows = rows[pc.is_in(table[store.kind.key], chosen).to_numpy()]
                        table = table.take(rows)
                    pieces.append(_people(table, shard, group, rows) if people else _whole(table, shard, group, rows))
        except (OSError, pa.ArrowException) as error:
            raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error
    if not pieces:
        return np.empty(0, np.str_), np.empty((0, 3), np.int32), np.empty((0, 3))
    ids, locations, squares = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
    return ids, locations, squares


def _read_bodies(store: AnyStore, split: str) -> _Index:
    """Squares around the tracked joints of each main body."""
    index = read_index(store, split)
    squares = np.full((len(index), 3), np.nan)
    for row, (joints, tracking) in enumerate(zip(index.joints, index.tracking, strict=True)):
        known = tracking > 0
        if known.any():
            squares[row] = person_square(box_around(joints[known], *DEPTH_SIZE))
    return index.ids, index.locations, squares


def _people(table: pa.Table, shard: int, group: int, rows: NDArray[np.intp]) -> _Index:
    """The annotated people of some rows; images without people are skipped."""
    people = table["people"].combine_chunks()
    of_row = rows[pc.list_parent_indices(people).to_numpy()]
    flat = people.flatten()
    ids, center, scale = (pc.struct_field(flat, name) for name in ("person_id", "center", "scale"))
    middle = center.flatten().to_numpy().reshape(-1, 2).astype(np.float64)
    squares = np.column_stack([middle, BOX_UNIT * scale.to_numpy().astype(np.float64)])
    return np.array(ids.to_pylist(), np.str_), _locations(shard, group, of_row), squares


def _whole(table: pa.Table, shard: int, group: int, rows: NDArray[np.intp]) -> _Index:
    """Rows of which only labels or depth may say where the person is."""
    ids = np.array(table.column(0).to_pylist(), np.str_)
    return ids, _locations(shard, group, rows), np.tile(_UNKNOWN, (len(rows), 1))


def _locations(shard: int, group: int, rows: NDArray[np.intp]) -> NDArray[np.int32]:
    return np.column_stack([np.full_like(rows, shard), np.full_like(rows, group), rows]).astype(np.int32)
