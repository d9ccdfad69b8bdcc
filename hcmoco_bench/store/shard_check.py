"""Check one shard: its bytes against the manifest, its columns, and every row of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.runtime.processes import starting_workers, worker_pool
from hcmoco_bench.store.kind import StoreKind
from hcmoco_bench.store.manifest import ShardEntry, StoreManifest
from hcmoco_bench.store.verification import Failure, ShardFindings

ANOTHER_FILE: Final = "is not the file in the manifest (its SHA-256 differs)"


@dataclass(frozen=True)
class ShardCheck:
    """A shard to check, and what must be true of it; picklable.

    Attributes:
        path: The file.
        entry: What the manifest says about it.
        kind: The store's kind.
        manifest: The store's manifest; without its shards, so that it stays small.
    """

    path: Path
    entry: ShardEntry
    kind: StoreKind[Any]
    manifest: StoreManifest


def check_shard(check: ShardCheck) -> ShardFindings:
    """Check hash, size, columns, number of rows and every row of a shard."""
    name = check.path.name
    found = ShardFindings()
    try:
        if check.path.stat().st_size != check.entry.bytes or file_sha256(check.path) != check.entry.sha256:
            found.failures.append(Failure(name, "", ANOTHER_FILE))
        with open_parquet(check.path) as file:
            wanted = check.kind.schema(check.manifest)
            if not file.schema_arrow.equals(wanted):
                reason = f"has columns {file.schema_arrow.names}, not {wanted.names}, or of other types"
                found.failures.append(Failure(name, "", reason))
                return found
            if file.metadata.num_rows != check.entry.rows:
                reason = f"has {file.metadata.num_rows} rows, the manifest says {check.entry.rows}"
                found.failures.append(Failure(name, "", reason))
            for group in range(file.num_row_groups):
                for row in file.read_row_group(group).to_pylist():
                    row_id = row[check.kind.key]
                    found.ids.append(row_id)
                    found.other_ids += check.kind.other_ids(row)
                    found.counts.update(check.kind.counts(row))
                    reasons = check.kind.row_failures(row, check.manifest)
                    found.failures += [Failure(name, row_id, reason) for reason in reasons]
    except (OSError, pa.ArrowException) as error:
        found.failures.append(Failure(name, "", f"cannot be read: {error}"))
    return found


def check_shards(checks: Sequence[ShardCheck], workers: int) -> Iterator[ShardFindings]:
    """The findings of each shard, in order, by processes if there are several workers and shards."""
    if min(workers, len(checks)) <= 1:
        yield from map(check_shard, checks)
        return
    with worker_pool(min(workers, len(checks))) as pool:
        with starting_workers():
            results = pool.map(check_shard, checks)
        yield from results
