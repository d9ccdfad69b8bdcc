"""Check a finished store against its own manifest: every file, every row, every count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.body.annotation_files import read_table
from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.prepare.human36m_store import holds_human36m
from hcmoco_bench.prepare.keypoint_manifest import holds_photographs
from hcmoco_bench.prepare.manifest import MANIFEST_FILE
from hcmoco_bench.prepare.store import CALIBRATION_FILE, PROBLEMS_FILE, SPLITS_FILE, Store, shard_split
from hcmoco_bench.prepare.verification import (
    Failure,
    Verification,
    check_shards,
    file_failures,
    problem_count_failures,
)
from hcmoco_bench.prepare.verify_human36m import verify_human36m_store
from hcmoco_bench.prepare.verify_keypoints import verify_keypoint_store
from hcmoco_bench.prepare.verify_shard import ShardCheck, check_shard
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.lists import DECLARATION, OFFICIAL
from hcmoco_bench.sources.ntu.names import SampleId


def verify_store(path: Path, *, workers: int = 1, progress: Progress = no_progress) -> Verification:
    """Check a store and report everything that is wrong with it.

    Hashes of all files; columns, number of rows, and of each row the ids, the images (decoded; size, type, classes),
    the joints; ids unique, in their split and in its order; splits' fingerprints and counts, against the packaged
    declaration where the store was made from the official lists; problem counts; and that every sample that should be
    there either is, or has a problem line that says why not. A store of photographs is checked by
    `verify_keypoint_store`, one of Human3.6M by `verify_human36m_store`.

    Args:
        path: Folder of the store.
        workers: Processes.
        progress: Told about each shard.

    Raises:
        StoreError: If there is no finished store to check.
    """
    if holds_photographs(path):
        return verify_keypoint_store(path, workers=workers, progress=progress)
    if holds_human36m(path):
        return verify_human36m_store(path, workers=workers, progress=progress)
    store = Store.open(path)
    failures: list[Failure] = list(_file_failures(store))
    ids, shard_failures = _check_shards(store, workers, progress)
    failures += shard_failures
    try:
        failures += _split_failures(store, ids)
        failures += _problem_failures(store, {sample_id for shard in ids.values() for sample_id in shard})
    except StoreError as error:
        failures.append(Failure(MANIFEST_FILE, "", str(error)))
    return Verification(len(store.manifest.shards), sum(map(len, ids.values())), tuple(failures))


def _check_shards(store: Store, workers: int, progress: Progress) -> tuple[dict[str, list[str]], list[Failure]]:
    manifest = store.manifest
    checks = [
        ShardCheck(path, manifest.shards[path.name], manifest.parts, not manifest.options.rgb_only)
        for path in store.shards()
    ]
    ids: dict[str, list[str]] = {}
    failures: list[Failure] = []
    results = check_shards(check_shard, checks, workers)
    for done, (check, (found, wrong)) in enumerate(zip(checks, results, strict=True), start=1):
        ids[check.path.name] = found
        failures += wrong
        progress("verifying shards", done, len(checks))
    return ids, failures


def _file_failures(store: Store) -> Iterator[Failure]:
    manifest = store.manifest
    hashes = {
        CALIBRATION_FILE: manifest.calibration_sha256,
        SPLITS_FILE: manifest.splits_sha256,
        PROBLEMS_FILE: manifest.problems_sha256,
    }
    yield from file_failures(store.path, hashes, manifest.shards)
    try:
        Calibration.load(store.path / CALIBRATION_FILE)
    except DataError as error:
        yield Failure(CALIBRATION_FILE, "", str(error))


def _split_failures(store: Store, ids: dict[str, list[str]]) -> Iterator[Failure]:
    manifest = store.manifest
    stored = [sample_id for shard in ids.values() for sample_id in shard]
    for sample_id, count in Counter(stored).items():
        if count > 1:
            yield Failure(MANIFEST_FILE, sample_id, f"is in the store {count} times")
    if store.splits.keys() != manifest.splits.keys():
        yield Failure(SPLITS_FILE, "", f"has splits {sorted(store.splits)}, the manifest {sorted(manifest.splits)}")
        return
    official = {}
    if manifest.lists.declaration == OFFICIAL and manifest.options.set == "parsing4k":
        official = {rule["name"]: rule["sha256"] for rule in read_table(DECLARATION)["split"]}
        if official.keys() != manifest.splits.keys():
            yield Failure(SPLITS_FILE, "", f"has splits {sorted(store.splits)}, official are {sorted(official)}")
    present = set(stored)
    for name, split in store.splits.items():
        counts = manifest.splits[name]
        found = fingerprint([SampleId.parse(sample_id) for sample_id in split.ids])
        if {found, split.sha256, counts.sha256, official.get(name, found)} != {found}:
            yield Failure(SPLITS_FILE, "", f"split {name}: the fingerprint of its ids is {found[:12]}, not as declared")
        rows = sum(sample_id in present for sample_id in split.ids)
        if (len(split.ids), rows) != (counts.expected, counts.rows):
            yield Failure(
                MANIFEST_FILE,
                "",
                f"split {name}: {rows} of {len(split.ids)} samples are there, "
                f"the manifest says {counts.rows} of {counts.expected}",
            )
    for file, shard in ids.items():
        place = {sample_id: i for i, sample_id in enumerate(store.splits[shard_split(file)].ids)}
        places = [place.get(sample_id, -1) for sample_id in shard]
        for sample_id, position in zip(shard, places, strict=True):
            if position < 0:
                yield Failure(file, sample_id, f"is not in split {shard_split(file)}")
        if places != sorted(places):
            yield Failure(file, "", "its rows are not in the order of the split")


def _problem_failures(store: Store, stored: set[str]) -> Iterator[Failure]:
    problems = store.problems()
    yield from problem_count_failures(problems, store.manifest.problems)
    left_out = {problem.id for problem in problems if not problem.kept}
    expected = {sample_id for split in store.splits.values() for sample_id in split.ids}
    for sample_id in sorted(expected - stored - left_out):
        yield Failure(PROBLEMS_FILE, sample_id, "is neither in the store nor has it a line that says why not")
    for sample_id in sorted(stored & left_out):
        yield Failure(PROBLEMS_FILE, sample_id, "is in the store, and has a line that says it is not")
