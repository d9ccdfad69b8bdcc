"""MPII or COCO in, a store of annotated photographs out: checked, in Parquet shards, the images as they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from hcmoco_bench import __version__
from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.executors import LocalExecutor
from hcmoco_bench.prepare.keypoint_names import named_once
from hcmoco_bench.prepare.keypoint_rows import KeypointRows
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources import coco, mpii
from hcmoco_bench.sources.annotation_json import OTHER_FORMS
from hcmoco_bench.sources.ntu.layout import GENERATED_MARK
from hcmoco_bench.sources.other_forms import other_forms, seen_instead
from hcmoco_bench.sources.people import Photographs
from hcmoco_bench.store.folder import StoreFolder
from hcmoco_bench.store.kinds.keypoints import KEYPOINTS, LICENSES, SCHEMA, VERSION, KeypointManifest, image_id
from hcmoco_bench.store.manifest import LICENSE_GENERATED
from hcmoco_bench.store.paths import PortablePaths
from hcmoco_bench.store.plan import PlannedShard, ShardNote, StorePlan
from hcmoco_bench.store.prepare import Prepared, prepare_store
from hcmoco_bench.store.shards import cut_shards, shard_split
from hcmoco_bench.store.splits import SplitIds

KeypointDataset = Literal["mpii", "coco"]

ROWS_PER_SHARD: Final = 256
_SOURCES: Final = {"mpii": mpii, "coco": coco}


def prepare_keypoints(
    dataset: KeypointDataset,
    root: Path,
    out: Path,
    *,
    rows_per_shard: int = ROWS_PER_SHARD,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Prepared[KeypointManifest]:
    """Make a store of MPII's or COCO's people, or continue one that was interrupted.

    The store's bytes depend on the raw files and `rows_per_shard` alone. Images that are missing or damaged and wrong
    annotations are left out with a problem line. Images without people to learn from, crowds and people without joints
    are in the store for scoring alone.

    Args:
        dataset: Which one `root` is.
        root: Its folder, extracted.
        out: Folder of the store; made if it is not there.
        rows_per_shard: Images a shard: the unit of work and of resuming.
        workers: Processes.
        overwrite: Replace a store made from other inputs, or this one.
        progress: Told about each step.

    Raises:
        DataError: If the folder or its annotations cannot be read, or nobody in them can be used (`no_people`).
        StoreError: If `out` holds something else or cannot be written; StoreLockedError if another process writes it.
    """
    root = root.absolute()
    source = _SOURCES[dataset]
    progress("reading annotations", 0, None)
    splits = {
        split: named_once(source.read_annotations(path, root)) for split, path in source.find_annotations(root).items()
    }
    if not any(photograph.people for found in splits.values() for photograph in found.photographs):
        raise DataError(f"{root}: nobody in its annotations can be used", kind="no_people", file=str(root))
    plan = _plan(dataset, splits, root, rows_per_shard)
    executor = LocalExecutor(workers)
    return prepare_store(KEYPOINTS, plan, out, executor=executor, overwrite=overwrite, progress=progress)


@dataclass(frozen=True, kw_only=True)
class _KeypointPlan(StorePlan):
    """The plan of a store of photographs.

    Attributes:
        annotations: Hash of each split's annotation file.
    """

    annotations: Mapping[str, str]

    def finish(self, fields: dict[str, Any], folder: StoreFolder, notes: Mapping[str, ShardNote]) -> dict[str, Any]:
        """Add what the shards say about people."""
        splits = {}
        for name, counts in fields["splits"].items():
            own = [note for file, note in notes.items() if shard_split(file) == name]
            sums = {key: sum(note.counts[key] for note in own) for key in ("images", "people")}
            splits[name] = counts | sums | {"annotations_sha256": self.annotations[name]}
        return fields | {"splits": splits}


def _plan(dataset: KeypointDataset, splits: Mapping[str, Photographs], root: Path, rows_per_shard: int) -> StorePlan:
    generated = (root / GENERATED_MARK).is_file()
    joints = next(iter(splits.values())).joint_set
    annotations = {split: file_sha256(found.annotations) for split, found in splits.items()}
    return _KeypointPlan(
        sha256=_plan_sha256(dataset, splits, annotations, rows_per_shard, generated=generated),
        schema=SCHEMA,
        splits={
            split: SplitIds.of(
                f"the images of {found.annotations.name}, by name",
                tuple(image_id(photograph.name) for photograph in found.photographs),
            )
            for split, found in splits.items()
        },
        declaration=dataset,
        fields={
            "dataset": dataset,
            "generated": generated,
            "license": LICENSE_GENERATED if generated else LICENSES[dataset],
            "joints": joints,
            "joint_names": joint_set(joints).joints,
            "rows_per_shard": rows_per_shard,
        },
        shards=tuple(_shards(splits, root, rows_per_shard)),
        problems=(
            *(problem for found in splits.values() for problem in found.problems),
            *_absent_images(splits, root),
        ),
        paths=PortablePaths.under([root]),
        annotations=annotations,
    )


def _absent_images(splits: Mapping[str, Photographs], root: Path) -> Iterator[Problem]:
    """One line for each split without a single image, beside those of the images, and what is there in their place."""
    for split, found in splits.items():
        photographs = found.photographs
        if photographs and not any(one.path is not None and one.path.is_file() for one in photographs):
            folder = next((one.path.parent for one in photographs if one.path is not None), root)
            seen = other_forms(dict.fromkeys([root, folder]), OTHER_FORMS)
            reason = (
                f"{folder}: none of the {len(photographs):,} images of {found.annotations.name} is there; extract them "
                f"there{seen_instead(seen)}"
            )
            yield Problem(split, "images_absent", str(folder), reason, kept=True)


def _plan_sha256(
    dataset: str,
    splits: Mapping[str, Photographs],
    annotations: Mapping[str, str],
    rows_per_shard: int,
    *,
    generated: bool,
) -> str:
    """Fingerprint of everything the store's bytes depend on; images by name and size."""
    parts: list[object] = [__version__, VERSION, dataset, generated, rows_per_shard]
    for split, found in sorted(splits.items()):
        parts += [split, annotations[split], [file_sha256(path) for path in found.beside]]
        for photograph in found.photographs:
            parts.append([photograph.name, _size(photograph.path)])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _shards(splits: Mapping[str, Photographs], root: Path, rows_per_shard: int) -> Iterator[PlannedShard]:
    for split, found in splits.items():
        for file, photographs in cut_shards(split, found.photographs, rows_per_shard, at_least=0):
            yield PlannedShard(file, KeypointRows(tuple(photographs), root, len(joint_set(found.joint_set))))
