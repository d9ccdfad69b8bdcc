"""A finished store of any kind, and its rows, without loading more than a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeAlias

import pyarrow as pa

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.kind import Capabilities, ManifestT, StoreKind
from hcmoco_bench.store.problem_file import PROBLEMS_FILE, read_problems
from hcmoco_bench.store.shards import row_groups, row_ids, shard_split
from hcmoco_bench.store.splits import SplitIds, read_splits


@dataclass(frozen=True)
class Store(Generic[ManifestT]):
    """A finished store; `open_store` or a kind's `open` makes it.

    Attributes:
        path: The folder.
        manifest: What the store holds and was made from.
        kind: Its kind.
    """

    path: Path
    manifest: ManifestT
    kind: StoreKind[ManifestT]

    @cached_property
    def capabilities(self) -> Capabilities:
        """What the store holds."""
        return self.kind.capabilities(self.manifest)

    @cached_property
    def splits(self) -> dict[str, SplitIds]:
        """All splits by name, also those that are selections (`train_20`, `v3_train`, ...).

        A store of an older version that declares no splits has those of its shards.
        """
        if self.manifest.splits_sha256 is not None:
            return read_splits(self.path)
        ids: dict[str, list[str]] = {name: [] for name in self.manifest.splits}
        for path in self.shards():
            ids.setdefault(shard_split(path.name), []).extend(row_ids(path, self.kind.key))
        return {name: SplitIds.of("the rows of the store", tuple(found)) for name, found in ids.items()}

    @property
    def stored_splits(self) -> tuple[str, ...]:
        """The splits that have shards of their own: `train`, then others such as `test`."""
        return tuple(dict.fromkeys(shard_split(path.name) for path in self.shards()))

    def problems(self) -> tuple[Problem, ...]:
        """The lines of `problems.jsonl`."""
        return read_problems(self.path / PROBLEMS_FILE)

    def shards(self, split: str | None = None) -> tuple[Path, ...]:
        """Paths of the shards of a stored split, or of all: `train` first, each split in its order.

        Raises:
            StoreError: If there is no such split.
        """
        if split is not None and split not in self.manifest.splits:
            raise self._no_split(split)
        files = [file for file in self.manifest.shards if split in (None, shard_split(file))]
        return tuple(self.path / file for file in sorted(files, key=lambda file: (shard_split(file) != "train", file)))

    def tables(self, split: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Rows of a split as Arrow tables, one a row group that has any, in store order.

        Store order is list order within `train`, then within the other stored splits; a selection (`train_20`,
        `subjects_train`, ...) keeps that order.

        Args:
            split: A name in `splits`.
            columns: Columns to read; None for all.

        Raises:
            StoreError: If there is no such split, or a shard cannot be read.
        """
        if split not in self.splits:
            raise self._no_split(split)
        stored = split in self.stored_splits
        chosen = None if stored else frozenset(self.splits[split].ids)
        for path in self.shards(split if stored else None):
            for table in row_groups(path, columns, chosen, key=self.kind.key):
                yield self.kind.upgraded(table, self.manifest)

    def rows(self, split: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
        """Rows of a split as dictionaries; see `tables` for the order and errors."""
        for table in self.tables(split, columns):
            yield from table.to_pylist()

    def spread(self, number: int) -> list[str]:
        """Ids of up to `number` rows, at even distances over all stored splits, from the middle of each stretch."""
        return spread([row_id for path in self.shards() for row_id in row_ids(path, self.kind.key)], number)

    def find(self, row_id: str) -> Row:
        """The row of one id; raises StoreError if it is not in the store, with its problem line if it has one."""
        for path in self.shards():
            for table in row_groups(path, None, frozenset([row_id]), key=self.kind.key):
                row: Row = self.kind.upgraded(table, self.manifest).to_pylist()[0]
                return row
        about = (problem.reason for problem in self.problems() if self.kind.problem_row(problem) == row_id)
        reason = next(about, self.kind.id_hint)
        raise StoreError(f"{self.path}: {self.kind.noun} {row_id} is not in the store: {reason}")

    def _no_split(self, split: str) -> StoreError:
        return StoreError(f"{self.path}: no split {split!r}; it has {', '.join(self.manifest.splits)}")


AnyStore: TypeAlias = Store[Any]
"""A finished store of whichever kind."""


def spread(ids: Sequence[str], number: int) -> list[str]:
    """Up to `number` of the ids, from the middle of stretches of the same length."""
    count = min(number, len(ids))
    return [ids[(2 * i + 1) * len(ids) // (2 * count)] for i in range(count)]
