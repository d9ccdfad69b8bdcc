"""Check a finished store of photographs against its own manifest: every file, every image, every person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import StoreError
from hcmoco_bench.prepare.keypoint_manifest import KeypointStore
from hcmoco_bench.prepare.keypoint_shard import SCHEMA, image_size
from hcmoco_bench.prepare.manifest import MANIFEST_FILE, ShardEntry
from hcmoco_bench.prepare.store import PROBLEMS_FILE, shard_split
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


@dataclass(frozen=True)
class KeypointShardCheck:
    """A shard to check, and what must be true of it; picklable.

    Attributes:
        path: The file.
        entry: What the manifest says about it.
        n_joints: Joints of each person.
    """

    path: Path
    entry: ShardEntry
    n_joints: int


@dataclass
class _Found:
    """File names of the images, ids of the people, what is wrong."""

    images: list[str]
    people: list[str]
    failures: list[Failure]


def verify_keypoint_store(path: Path, *, workers: int = 1, progress: Progress = no_progress) -> Verification:
    """Check a store of photographs and report everything that is wrong with it.

    Hashes of all files; columns and number of rows; of each row that the image can be decoded whole and has the size
    stated, and that its people have all joints, in numbers and states that can be; ids unique and rows in order; the
    counts of images, people and problems; and that nothing is in the store that a problem line says is not.

    Args:
        path: Folder of the store.
        workers: Processes.
        progress: Told about each shard.

    Raises:
        StoreError: If there is no finished store to check.
    """
    store = KeypointStore.open(path)
    manifest = store.manifest
    failures = list(file_failures(path, {PROBLEMS_FILE: manifest.problems_sha256}, manifest.shards))
    n_joints = len(joint_set(manifest.joints))
    checks = [KeypointShardCheck(path / file, entry, n_joints) for file, entry in sorted(manifest.shards.items())]
    images: dict[str, list[str]] = {split: [] for split in manifest.splits}
    people: dict[str, list[str]] = {split: [] for split in manifest.splits}
    for done, (check, found) in enumerate(zip(checks, check_shards(_check_shard, checks, workers), strict=True), 1):
        split = shard_split(check.path.name)
        images.setdefault(split, []).extend(found.images)
        people.setdefault(split, []).extend(found.people)
        failures += found.failures
        progress("verifying shards", done, len(checks))
    failures += _count_failures(store, images, people)
    failures += _problem_failures(store, {name for names in images.values() for name in names})
    return Verification(len(checks), sum(map(len, images.values())), tuple(failures))


def _check_shard(check: KeypointShardCheck) -> _Found:
    name = check.path.name
    found = _Found([], [], [])
    try:
        if not is_entry(check.path, check.entry):
            found.failures.append(Failure(name, "", ANOTHER_FILE))
        with pq.ParquetFile(check.path) as file:
            if not file.schema_arrow.equals(SCHEMA):
                reason = f"has columns {file.schema_arrow.names}, not {SCHEMA.names}, or of other types"
                found.failures.append(Failure(name, "", reason))
                return found
            if file.metadata.num_rows != check.entry.rows:
                reason = f"has {file.metadata.num_rows} rows, the manifest says {check.entry.rows}"
                found.failures.append(Failure(name, "", reason))
            for group in range(file.num_row_groups):
                for row in file.read_row_group(group).to_pylist():
                    image = row["image"] or {}
                    found.images.append(str(image.get("path")))
                    found.people += [str(person["person_id"]) for person in row["people"] or ()]
                    reasons = _row_failures(row, check.n_joints)
                    found.failures += [Failure(name, row["image_id"], reason) for reason in reasons]
    except (OSError, pa.ArrowException) as error:
        found.failures.append(Failure(name, "", f"cannot be read: {error}"))
    return found


def _row_failures(row: dict[str, Any], n_joints: int) -> Iterator[str]:
    image = row["image"]
    if image is None or image["bytes"] is None or image["path"] is None:
        yield "the image is missing"
    else:
        if Path(image["path"]).stem != row["image_id"]:
            yield f"the image is called {image['path']}"
        size, stated = image_size(image["bytes"]), (row["width"], row["height"])
        if size is None:
            yield "the image is not a whole one"
        elif size != stated:
            yield f"the image has {size[0]}x{size[1]} px, stated are {stated[0]}x{stated[1]}"
    if not row["people"]:
        yield "has nobody"
    for person in row["people"] or ():
        reasons = _person_failures(person, n_joints, row["width"], row["height"])
        yield from (f"person {person['person_id']}: {reason}" for reason in reasons)


def _person_failures(person: dict[str, Any], n_joints: int, width: int, height: int) -> Iterator[str]:
    joints, state, center = person["joints"] or [], person["state"] or [], person["center"] or []
    if len(joints) != n_joints or {len(joint or ()) for joint in joints} != {2}:
        yield f"joints are not ({n_joints}, 2)"
        return
    if len(state) != n_joints or not set(state) <= {0, 1, 2}:
        yield f"state is not {n_joints} states 0..2"
        return
    if not any(state):
        yield "has no annotated joint"
    known = np.array(joints, np.float64)[np.array(state) > 0]
    if not _near(known, width, height):
        yield "has a joint that is not finite, or farther outside of the image than that is large"
    if len(center) != 2 or not _near(np.array([center], np.float64), width, height):
        yield f"its square is around {center}"
    scale = person["scale"]
    if scale is None or not 0 < scale < np.inf:
        yield f"its scale is {scale}"


def _near(points: np.ndarray, width: int, height: int) -> bool:
    """Whether px (N, 2) are at most an image's size outside of it; annotators do mark joints a little outside."""
    size = np.array([width, height])
    return bool(np.isfinite(points).all() and (points >= -size).all() and (points <= 2 * size).all())


def _count_failures(
    store: KeypointStore, images: dict[str, list[str]], people: dict[str, list[str]]
) -> Iterator[Failure]:
    for split, names in images.items():
        stated = store.manifest.splits.get(split)
        if stated is None:
            yield Failure(MANIFEST_FILE, "", f"has shards of a split {split}, but no such split")
        elif (stated.images, stated.people) != (len(names), len(people[split])):
            yield Failure(
                MANIFEST_FILE,
                "",
                f"split {split}: {len(names)} images and {len(people[split])} people are there, the manifest says "
                f"{stated.images} and {stated.people}",
            )
        if names != sorted(names):
            yield Failure(MANIFEST_FILE, "", f"split {split}: its rows are not in the order of the images' names")
        for identifier, count in Counter([*names, *people[split]]).items():
            if count > 1:
                yield Failure(MANIFEST_FILE, identifier, f"is in split {split} {count} times")


def _problem_failures(store: KeypointStore, images: set[str]) -> Iterator[Failure]:
    try:
        problems = store.problems()
    except StoreError as error:
        yield Failure(PROBLEMS_FILE, "", str(error))
        return
    yield from problem_count_failures(problems, store.manifest.problems)
    for identifier in sorted({problem.id for problem in problems if not problem.kept} & images):
        yield Failure(PROBLEMS_FILE, identifier, "is in the store, and has a line that says it is not")
