"""What a store will be, decided before any row is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.folder import StoreFolder
from hcmoco_bench.store.paths import PortablePaths
from hcmoco_bench.store.splits import SplitIds


@dataclass
class ShardReport:
    """What a shard's footer says beside its rows, filled while they are made.

    Attributes:
        problems: Problem lines of the shard's samples.
        counts: Numbers by name, for the manifest.
    """

    problems: list[Problem] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


class ShardRows(Protocol):
    """Makes the rows of one shard. Picklable, so that any process can; the same inputs give the same rows."""

    def __len__(self) -> int:
        """Number of samples planned for the shard."""
        ...

    def rows(self, report: ShardReport) -> Iterator[Row]:
        """The rows in order.

        What cannot be used is left out and gets a line in `report.problems`; it may be added up to the last row.

        Raises:
            StoreError: If inputs vanished that were there when the shard was planned; then no shard is written.
        """
        ...


@dataclass(frozen=True)
class PlannedShard:
    """A shard to write: its file name (see `shard_name`), and what makes its rows."""

    file: str
    rows: ShardRows


@dataclass(frozen=True)
class ShardNote:
    """What a finished shard's footer says of it, so that file and facts appear in one step.

    Attributes:
        recipe: Fingerprint of what the shard was made by; a shard of another recipe does not belong to the store.
        problems: Problem lines of its samples.
        counts: Numbers by name.
        rows: Number of rows.
    """

    recipe: str
    problems: tuple[Problem, ...]
    counts: Mapping[str, int]
    rows: int


@dataclass(frozen=True)
class ShardWork:
    """The shards of a store, once everything that all of them need is there.

    Attributes:
        recipe: Fingerprint of everything that their bytes depend on.
        shards: The shards, each split in its order.
        problems: Problem lines that belong to no shard.
    """

    recipe: str
    shards: Sequence[PlannedShard]
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class StorePlan:
    """Everything that decides a store's bytes, except the content of the raw files.

    Attributes:
        sha256: Fingerprint of all this: options, names and sizes of the inputs, version of the program.
        schema: Arrow schema of the shards.
        splits: Splits by name with the ids that they should have. Those without shards are selections.
        declaration: Name of what declares the splits, e.g. `official`.
        fields: Fields of the manifest that are the kind's own.
        shards: The shards to write.
        problems: Samples and files that are left out already.
        paths: Takes folders of this machine out of problem lines.
    """

    sha256: str
    schema: pa.Schema
    splits: Mapping[str, SplitIds]
    declaration: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    shards: Sequence[PlannedShard] = ()
    problems: tuple[Problem, ...] = ()
    paths: PortablePaths = field(default_factory=lambda: PortablePaths(()))

    def begin(self, folder: StoreFolder, progress: Progress) -> ShardWork:
        """Make what all shards need, and say which shards there are; called when the folder is claimed.

        Args:
            folder: The folder; what is made may be kept there for later runs, in files that the kind names.
            progress: Told about each step.
        """
        return ShardWork(self.sha256, self.shards, self.problems)

    def finish(self, fields: dict[str, Any], folder: StoreFolder, notes: Mapping[str, ShardNote]) -> dict[str, Any]:
        """The manifest's fields, completed by what is known only when all shards are written.

        Args:
            fields: The fields that all manifests have, and `self.fields`.
            folder: The folder with everything but the manifest.
            notes: The shards' notes, by file name.
        """
        return fields
