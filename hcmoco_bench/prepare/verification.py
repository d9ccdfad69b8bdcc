"""What the verification of a store says, and what that of every kind of store shares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.manifest import ShardEntry
from hcmoco_bench.prepare.store import PROBLEMS_FILE
from hcmoco_bench.runtime.processes import starting_workers, worker_pool

_Check = TypeVar("_Check")
_Found = TypeVar("_Found")

ANOTHER_FILE = "is not the file in the manifest (its SHA-256 differs)"


@dataclass(frozen=True)
class Failure:
    """One thing that is wrong.

    Attributes:
        file: File name inside the store.
        sample_id: The sample or image concerned, or an empty string.
        reason: What was found, and what should be there.
    """

    file: str
    sample_id: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """What a verification looked at, and what it found.

    Attributes:
        shards: Number of shards.
        rows: Number of rows read.
        failures: All of them, not only the first.
    """

    shards: int
    rows: int
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """True if nothing is wrong."""
        return not self.failures


def check_shards(check: Callable[[_Check], _Found], shards: Sequence[_Check], workers: int) -> Iterator[_Found]:
    """What `check` finds in each shard, in order, by processes if there are several workers and shards."""
    if min(workers, len(shards)) <= 1:
        yield from map(check, shards)
        return
    with worker_pool(min(workers, len(shards))) as pool:
        with starting_workers():
            results = pool.map(check, shards)
        yield from results


def file_failures(store: Path, hashes: Mapping[str, str], shards: Mapping[str, ShardEntry]) -> Iterator[Failure]:
    """Files beside the shards that are not those of the manifest, and shards that the manifest does not know.

    Args:
        store: The folder.
        hashes: SHA-256 by file name.
        shards: The manifest's.
    """
    for name, sha256 in hashes.items():
        try:
            if file_sha256(store / name) != sha256:
                yield Failure(name, "", ANOTHER_FILE)
        except OSError as error:
            yield Failure(name, "", f"cannot be read: {error.strerror}")
    for path in sorted(store.glob("*.parquet")):
        if path.name not in shards:
            yield Failure(path.name, "", "is not in the manifest; remove it")


def is_entry(path: Path, entry: ShardEntry) -> bool:
    """Whether a shard is the file in the manifest; raises OSError if it cannot be read."""
    return path.stat().st_size == entry.bytes and file_sha256(path) == entry.sha256


def problem_count_failures(problems: Sequence[Problem], stated: Mapping[str, int]) -> Iterator[Failure]:
    """A difference between the problem lines and their numbers in the manifest."""
    counts = dict(Counter(problem.kind for problem in problems))
    if counts != stated:
        yield Failure(PROBLEMS_FILE, "", f"has {counts}, the manifest says {dict(stated)}")
