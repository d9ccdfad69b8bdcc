"""Check a finished store of any kind against its own manifest: every file, every row, every count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.hashing import file_sha256, fingerprint
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.problem_file import PROBLEMS_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.shard_check import ANOTHER_FILE, ShardCheck, check_shards
from hcmoco_bench.store.shards import shard_split
from hcmoco_bench.store.splits import SPLITS_FILE
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.store.verification import Failure, ShardFindings, Verification


def verify_store(path: Path, *, workers: int = 1, progress: Progress = no_progress) -> Verification:
    """Check a store and report everything that is wrong with it.

    Of every store: hashes of all files; columns and number of rows; ids unique, in their split and in its order;
    splits' fingerprints and counts; problem counts; and that every sample that should be there either is, or has a
    problem line that says why not. The store's kind checks each row, and what else is particular to it.

    Args:
        path: Folder of the store.
        workers: Processes.
        progress: Told about each shard.

    Raises:
        StoreError: If there is no finished store to check.
    """
    store = open_store(path)
    failures = list(_file_failures(store))
    small = store.manifest.model_copy(update={"shards": {}})
    checks = [ShardCheck(shard, store.manifest.shards[shard.name], store.kind, small) for shard in store.shards()]
    findings: dict[str, ShardFindings] = {}
    for done, (check, found) in enumerate(zip(checks, check_shards(checks, workers), strict=True), 1):
        findings[check.path.name] = found
        failures += found.failures
        progress("verifying shards", done, len(checks))
    for step in (_id_failures, _split_failures, _problem_failures, _kind_failures):
        try:
            failures += step(store, findings)
        except StoreError as error:
            failures.append(Failure(MANIFEST_FILE, "", str(error)))
    rows = sum(len(found.ids) for found in findings.values())
    return Verification(len(checks), rows, tuple(failures))


def _file_failures(store: AnyStore) -> Iterator[Failure]:
    """Files beside the shards that are not those of the manifest, and shards that the manifest does not know."""
    manifest = store.manifest
    declared = {} if manifest.splits_sha256 is None else {SPLITS_FILE: manifest.splits_sha256}
    hashes = declared | {PROBLEMS_FILE: manifest.problems_sha256} | store.kind.hashes(manifest)
    for name, sha256 in hashes.items():
        try:
            if file_sha256(store.path / name) != sha256:
                yield Failure(name, "", ANOTHER_FILE)
        except OSError as error:
            yield Failure(name, "", f"cannot be read: {error.strerror}")
    for path in sorted(store.path.glob("*.parquet")):
        if path.name not in manifest.shards:
            yield Failure(path.name, "", "is not in the manifest; remove it")


def _by_split(findings: Mapping[str, ShardFindings], attribute: str) -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for file, found in findings.items():
        ids.setdefault(shard_split(file), []).extend(getattr(found, attribute))
    return ids


def _id_failures(store: AnyStore, findings: Mapping[str, ShardFindings]) -> Iterator[Failure]:
    """Ids that come twice: in the store, or in a split where rows may be in several."""
    rows = _by_split(findings, "ids")
    if store.kind.once:
        counts = Counter(row_id for ids in rows.values() for row_id in ids)
        yield from (
            Failure(MANIFEST_FILE, row_id, f"is in the store {n} times") for row_id, n in counts.items() if n > 1
        )
        rows = {}
    for which in (rows, _by_split(findings, "other_ids")):
        for split, ids in which.items():
            for row_id, n in Counter(ids).items():
                if n > 1:
                    yield Failure(MANIFEST_FILE, row_id, f"is in split {split} {n} times")


def _split_failures(store: AnyStore, findings: Mapping[str, ShardFindings]) -> Iterator[Failure]:
    """Splits that are not as declared: their names, fingerprints, counts, rows and order."""
    manifest = store.manifest
    if store.splits.keys() != manifest.splits.keys():
        yield Failure(SPLITS_FILE, "", f"has splits {sorted(store.splits)}, the manifest {sorted(manifest.splits)}")
        return
    by_split = _by_split(findings, "ids")
    everything = {row_id for ids in by_split.values() for row_id in ids}
    for name, split in store.splits.items():
        counts = manifest.splits[name]
        found = fingerprint(split.ids)
        if {found, split.sha256, counts.sha256 or found} != {found}:
            yield Failure(SPLITS_FILE, "", f"split {name}: the fingerprint of its ids is {found[:12]}, not as declared")
        present = set(by_split[name]) if name in by_split else everything
        rows = sum(row_id in present for row_id in split.ids)
        if (len(split.ids), rows) != (counts.expected, counts.rows):
            yield Failure(
                MANIFEST_FILE,
                "",
                f"split {name}: {rows} of {len(split.ids)} {store.kind.noun}s are there, the manifest says "
                f"{counts.rows} of {counts.expected}",
            )
    for file, shard in findings.items():
        split_name = shard_split(file)
        if split_name not in store.splits:
            yield Failure(file, "", f"is of a split {split_name} that is not declared")
            continue
        place = {row_id: i for i, row_id in enumerate(store.splits[split_name].ids)}
        places = [place.get(row_id, -1) for row_id in shard.ids]
        for row_id, position in zip(shard.ids, places, strict=True):
            if position < 0:
                yield Failure(file, row_id, f"is not in split {split_name}")
        if places != sorted(places):
            yield Failure(file, "", "its rows are not in the order of the split")


def _problem_failures(store: AnyStore, findings: Mapping[str, ShardFindings]) -> Iterator[Failure]:
    """Differences between rows, problem lines and their numbers in the manifest."""
    problems = store.problems()
    counts = dict(Counter(problem.kind for problem in problems))
    if counts != store.manifest.problems:
        yield Failure(PROBLEMS_FILE, "", f"has {counts}, the manifest says {dict(store.manifest.problems)}")
    stored = {row_id for found in findings.values() for row_id in found.ids}
    left_out = {store.kind.problem_row(problem) for problem in problems if not problem.kept} - {None}
    expected = {row_id for split in store.splits.values() for row_id in split.ids}
    for row_id in sorted(expected - stored - left_out):
        yield Failure(PROBLEMS_FILE, row_id, "is neither in the store nor has it a line that says why not")
    for row_id in sorted(stored & left_out):
        yield Failure(PROBLEMS_FILE, row_id, "is in the store, and has a line that says it is not")


def _kind_failures(store: AnyStore, findings: Mapping[str, ShardFindings]) -> Iterator[Failure]:
    """What the store's kind finds."""
    return store.kind.failures(store, findings)
