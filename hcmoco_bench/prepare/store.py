"""Open a finished prepared store and read its rows, without loading more than a row group at a time."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.manifest import Manifest, ShardEntry
from hcmoco_bench.uniform import spread

CALIBRATION_FILE, PROBLEMS_FILE, SPLITS_FILE = "calibration.json", "problems.jsonl", "splits.json"

_SHARD_NAME = re.compile(r"(?P<split>.+)-\d{5}-of-\d{5}\.parquet")


class SplitIds(BaseModel):
    """One split of `splits.json`: its rule in words, fingerprint, and the ids it should have, in list order."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rule: str
    sha256: str
    ids: tuple[str, ...]


def shard_split(file: str) -> str:
    """The split in a shard's file name."""
    match = _SHARD_NAME.fullmatch(file)
    if match is None:
        raise StoreError(f"{file}: not a shard's file name (<split>-NNNNN-of-NNNNN.parquet)")
    return match["split"]


class SplitManifest(Protocol):
    """What the manifests of stores with declared splits have in common."""

    @property
    def shards(self) -> Mapping[str, ShardEntry]:
        """By file name, `<split>-NNNNN-of-NNNNN.parquet`."""
        ...

    @property
    def parts(self) -> bool:
        """Whether there is a `parts` column."""
        ...


ManifestT = TypeVar("ManifestT", bound=SplitManifest)


@dataclass(frozen=True)
class SplitStore(Generic[ManifestT]):
    """A finished store of samples with declared splits: its folder and manifest.

    Attributes:
        path: The folder.
        manifest: What it holds.
    """

    path: Path
    manifest: ManifestT

    @cached_property
    def splits(self) -> dict[str, SplitIds]:
        """All declared splits by name, also those that are selections (`train_20`, `v3_train`, ...)."""
        path = self.path / SPLITS_FILE
        try:
            document = json.loads(path.read_bytes())
            return {name: SplitIds.model_validate(value) for name, value in document["splits"].items()}
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise StoreError(f"{path}: cannot be read as the store's splits ({error}); prepare anew") from error

    @property
    def stored_splits(self) -> tuple[str, ...]:
        """The splits that have shards of their own: `train`, then `test` if there is one."""
        return tuple(dict.fromkeys(shard_split(path.name) for path in self.shards()))

    def problems(self) -> tuple[Problem, ...]:
        """The lines of `problems.jsonl`."""
        path = self.path / PROBLEMS_FILE
        try:
            lines = path.read_text("utf-8").split("\n")
            return tuple(Problem.from_json(line) for line in lines if line)
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"{path}: cannot be read as problem lines ({error}); prepare anew") from error

    def shards(self, split: str | None = None) -> tuple[Path, ...]:
        """Paths of the shards of a stored split, or of all: `train` first, each split in its order."""
        files = [file for file in self.manifest.shards if split in (None, shard_split(file))]
        return tuple(self.path / file for file in sorted(files, key=lambda file: (shard_split(file) != "train", file)))

    def tables(self, split: str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Rows of a split as Arrow tables, one a row group that has any, in store order.

        Store order is list order within `train`, then within `test`; a selection (`train_20`, `subjects_train`, ...)
        keeps that order.

        Args:
            split: A name in `splits`.
            columns: Columns to read; None for all.

        Raises:
            StoreError: If there is no such split, or a shard cannot be read.
        """
        if split not in self.splits:
            raise StoreError(f"{self.path}: no split {split!r}; it has {', '.join(self.splits)}")
        stored = split in self.stored_splits
        chosen = None if stored else frozenset(self.splits[split].ids)
        for path in self.shards(split if stored else None):
            yield from row_groups(path, columns, chosen)

    def rows(self, split: str, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
        """Rows of a split as dictionaries; see `tables` for the order and errors."""
        for table in self.tables(split, columns):
            yield from table.to_pylist()

    def spread(self, number: int) -> list[str]:
        """Ids of up to `number` samples, at even distances over all stored splits, from the middle of each stretch."""
        tables = (table for split in self.stored_splits for table in self.tables(split, ["sample_id"]))
        return spread([sample_id for table in tables for sample_id in table["sample_id"].to_pylist()], number)

    def find(self, sample_id: str) -> dict[str, Any]:
        """The row of one sample; raises StoreError if it is not in the store, with its problem line if it has one."""
        for path in self.shards():
            for table in row_groups(path, None, frozenset([sample_id])):
                row: dict[str, Any] = table.to_pylist()[0]
                return row
        reason = next(
            (problem.reason for problem in self.problems() if problem.id == sample_id), "it was not asked for"
        )
        raise StoreError(f"{self.path}: sample {sample_id} is not in the store: {reason}")


class Store(SplitStore[Manifest]):
    """A finished NTU store."""

    @classmethod
    def open(cls, path: Path) -> Store:
        """Open the store in a folder; raises StoreError if there is none or it is not finished."""
        if not path.is_dir():
            raise StoreError(f"{path}: no such folder; run prepare, or give the folder of a store")
        return cls(path, Manifest.load(path))


def row_groups(
    path: Path, columns: Sequence[str] | None, chosen: frozenset[str] | None, *, key: str = "sample_id"
) -> Iterator[pa.Table]:
    """The row groups of a shard that have any of the chosen rows, and those rows only; None for all.

    Raises:
        StoreError: If the shard cannot be read.
    """
    try:
        with pq.ParquetFile(path) as file:
            for group in range(file.num_row_groups):
                if chosen is None:
                    yield file.read_row_group(group, columns)
                    continue
                ids = file.read_row_group(group, [key])[key].to_pylist()
                keep = [i for i, sample_id in enumerate(ids) if sample_id in chosen]
                if keep:
                    yield file.read_row_group(group, columns).take(keep)
    except (OSError, pa.ArrowException) as error:
        raise StoreError(f"{path}: cannot be read ({error}); run verify, then prepare again") from error
