"""Check a finished Human3.6M store against its own manifest: every file, every image, every split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.images import decode_image
from hcmoco_bench.prepare.human36m_store import SCHEMA, Human36mStore
from hcmoco_bench.prepare.manifest import MANIFEST_FILE, ShardEntry
from hcmoco_bench.prepare.store import PROBLEMS_FILE, SPLITS_FILE, shard_split
from hcmoco_bench.prepare.verification import (
    ANOTHER_FILE,
    Failure,
    Verification,
    check_shards,
    file_failures,
    is_entry,
    problem_count_failures,
)
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.human36m import FrameId


@dataclass(frozen=True)
class _ShardCheck:
    """A shard, and what the manifest says about it; picklable."""

    path: Path
    entry: ShardEntry


def verify_human36m_store(path: Path, *, workers: int = 1, progress: Progress = no_progress) -> Verification:
    """Check a Human3.6M store and report everything that is wrong with it.

    Hashes of all files; columns and number of rows; of each row the id, and that image and labels can be decoded, are
    of one size, and that labels are class indices; splits' fingerprints, order and counts; problem counts; and that
    every frame that should be there either is, or has a problem line that says why not.

    Args:
        path: Folder of the store.
        workers: Processes.
        progress: Told about each shard.

    Raises:
        StoreError: If there is no finished store to check.
    """
    store = Human36mStore.open(path)
    manifest = store.manifest
    hashes = {SPLITS_FILE: manifest.splits_sha256, PROBLEMS_FILE: manifest.problems_sha256}
    failures = list(file_failures(path, hashes, manifest.shards))
    checks = [_ShardCheck(shard, manifest.shards[shard.name]) for shard in store.shards()]
    ids: dict[str, list[str]] = {}
    results = check_shards(_check_shard, checks, workers)
    for done, (check, (found, wrong)) in enumerate(zip(checks, results, strict=True), 1):
        ids.setdefault(shard_split(check.path.name), []).extend(found)
        failures += wrong
        progress("verifying shards", done, len(checks))
    try:
        failures += _split_failures(store, ids)
    except StoreError as error:
        failures.append(Failure(MANIFEST_FILE, "", str(error)))
    return Verification(len(checks), sum(map(len, ids.values())), tuple(failures))


def _check_shard(check: _ShardCheck) -> tuple[list[str], list[Failure]]:
    name = check.path.name
    ids: list[str] = []
    failures: list[Failure] = []
    try:
        if not is_entry(check.path, check.entry):
            failures.append(Failure(name, "", ANOTHER_FILE))
        with pq.ParquetFile(check.path) as file:
            if not file.schema_arrow.equals(SCHEMA):
                failures.append(Failure(name, "", f"has columns {file.schema_arrow.names}, not {SCHEMA.names}"))
                return ids, failures
            if file.metadata.num_rows != check.entry.rows:
                reason = f"has {file.metadata.num_rows} rows, the manifest says {check.entry.rows}"
                failures.append(Failure(name, "", reason))
            for group in range(file.num_row_groups):
                for row in file.read_row_group(group).to_pylist():
                    ids.append(row["sample_id"])
                    failures += [Failure(name, row["sample_id"], reason) for reason in _row_failures(row)]
    except (OSError, pa.ArrowException) as error:
        failures.append(Failure(name, "", f"cannot be read: {error}"))
    return ids, failures


def _row_failures(row: Mapping[str, Any]) -> Iterator[str]:
    try:
        sample = FrameId.parse(row["sample_id"])
        rgb = decode_image(row["rgb"]["bytes"], source="rgb")
        parts = decode_image(row["parts"]["bytes"], source="parts")
    except (DataError, TypeError) as error:
        yield f"cannot be read: {error}"
        return
    name = sample.sequence
    stated = (row["subject"], row["action"], row["camera"], row["frame"])
    if stated != (name.subject, name.action, name.camera, sample.frame):
        yield f"columns say {stated}, the id says otherwise"
    for column, suffix in (("rgb", "jpg"), ("parts", "png")):
        if row[column]["path"] != f"{sample}.{suffix}":
            yield f"{column} is called {row[column]['path']}"
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or parts.dtype != np.uint8 or parts.shape != rgb.shape[:2]:
        yield f"rgb is {rgb.dtype} {rgb.shape}, parts are {parts.dtype} {parts.shape}"
    elif int(parts.max()) >= len(part_table()):
        yield f"parts hold class {int(parts.max())}, there are {len(part_table())}"


def _split_failures(store: Human36mStore, ids: Mapping[str, list[str]]) -> Iterator[Failure]:
    problems = store.problems()
    yield from problem_count_failures(problems, store.manifest.problems)
    left_out = {problem.id for problem in problems if not problem.kept}
    if store.splits.keys() != store.manifest.splits.keys():
        yield Failure(SPLITS_FILE, "", "has other splits than the manifest")
        return
    stored = {sample for split in ids.values() for sample in split}
    for name, split in store.splits.items():
        stated = store.manifest.splits[name]
        if not fingerprint(split.ids) == split.sha256 == stated.sha256 or len(split.ids) != stated.expected:
            yield Failure(SPLITS_FILE, "", f"split {name}: its ids are not those of the fingerprint")
        if sum(sample in stored for sample in split.ids) != stated.rows:
            yield Failure(MANIFEST_FILE, "", f"split {name}: its number of rows is not {stated.rows}")
        if name in ids and [sample for sample in split.ids if sample not in left_out] != ids[name]:
            yield Failure(SPLITS_FILE, "", f"split {name}: its rows are not its ids in their order")
    declared = {sample for split in store.splits.values() for sample in split.ids}
    for sample in sorted(declared - stored - left_out):
        yield Failure(PROBLEMS_FILE, sample, "is not in the store, and no line says why")
    for sample in sorted(stored & left_out):
        yield Failure(PROBLEMS_FILE, sample, "is in the store, and has a line that says it is not")
