"""MPII or COCO in, a store of annotated photographs out: checked, in Parquet shards, the images as they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.atomic import remove_temporary, write_atomic, write_error
from hcmoco_bench.files.hashing import file_sha256, json_sha256
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.prepare.executors import LocalExecutor
from hcmoco_bench.prepare.keypoint_manifest import LICENSES, KeypointManifest, KeypointSplit, KeypointStore
from hcmoco_bench.prepare.keypoint_shard import KeypointShardTask, read_keypoint_note, write_keypoint_shard
from hcmoco_bench.prepare.manifest import MANIFEST_FILE, ShardEntry, Tool
from hcmoco_bench.prepare.paths import PortablePaths
from hcmoco_bench.prepare.store import PROBLEMS_FILE
from hcmoco_bench.prepare.store_folder import StoreFolder
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources import coco, mpii
from hcmoco_bench.sources.people import Photographs

KeypointDataset = Literal["mpii", "coco"]

ROWS_PER_SHARD: Final = 256
_SOURCES: Final = {"mpii": mpii, "coco": coco}


@dataclass(frozen=True)
class PreparedKeypoints:
    """What `prepare_keypoints` did.

    Attributes:
        store: The finished store.
        kept: Images in shards that were finished by earlier runs.
        nothing_to_do: True if the store was finished already.
    """

    store: KeypointStore
    kept: int
    nothing_to_do: bool


def prepare_keypoints(
    dataset: KeypointDataset,
    root: Path,
    out: Path,
    *,
    rows_per_shard: int = ROWS_PER_SHARD,
    workers: int = 1,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> PreparedKeypoints:
    """Make a store of MPII's or COCO's people, or continue one that was interrupted.

    The store's bytes depend on the raw files and `rows_per_shard` alone. Images that are missing or damaged, people
    without joints and wrong annotations are left out with a problem line.

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
    splits = {split: source.read_annotations(path, root) for split, path in source.find_annotations(root).items()}
    if not any(split.photographs for split in splits.values()):
        raise DataError(f"{root}: nobody in its annotations can be used", kind="no_people", file=str(root))
    recipe = _recipe(dataset, splits, root, rows_per_shard)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(out, error) from error
    with folder_lock(out):
        folder = StoreFolder(out, recipe)
        try:
            if folder.claim(overwrite=overwrite):
                store = KeypointStore.open(out)
                return PreparedKeypoints(store, sum(s.rows for s in store.manifest.shards.values()), True)
            tasks = list(_tasks(splits, root, out.absolute(), recipe, rows_per_shard))
            kept = _write_shards(tasks, workers, progress)
            store = _finish(dataset, out, tasks, splits, root, recipe, rows_per_shard)
            folder.end()
            return PreparedKeypoints(store, kept, False)
        finally:
            remove_temporary(out)


def _recipe(dataset: str, splits: dict[str, Photographs], root: Path, rows_per_shard: int) -> str:
    """Fingerprint of everything the store's bytes depend on; images by name and size."""
    parts: list[object] = [__version__, dataset, rows_per_shard]
    for split, found in sorted(splits.items()):
        parts += [split, file_sha256(found.annotations)]
        for photograph in found.photographs:
            size = photograph.path.stat().st_size if photograph.path.is_file() else None
            parts.append([photograph.name, size])
    return json_sha256(parts)


def _tasks(
    splits: dict[str, Photographs], root: Path, out: Path, recipe: str, rows_per_shard: int
) -> Iterator[KeypointShardTask]:
    for split, found in splits.items():
        images = found.photographs
        total = -(-len(images) // rows_per_shard)
        for number in range(total):
            rows = images[number * rows_per_shard : (number + 1) * rows_per_shard]
            yield KeypointShardTask(out / f"{split}-{number:05d}-of-{total:05d}.parquet", recipe, rows, root)


def _write_shards(tasks: Sequence[KeypointShardTask], workers: int, progress: Progress) -> int:
    """Write the shards that are not finished; returns the number of images in those that are."""
    left = [task for task in tasks if (note := read_keypoint_note(task.path)) is None or note.recipe != task.recipe]
    total = sum(len(task.photographs) for task in tasks)
    kept = done = total - sum(len(task.photographs) for task in left)
    progress("checking images", done, total)
    for images in LocalExecutor(workers).run(write_keypoint_shard, left):
        done += images
        progress("checking images", done, total)
    return kept


def _finish(
    dataset: KeypointDataset,
    out: Path,
    tasks: Sequence[KeypointShardTask],
    splits: dict[str, Photographs],
    root: Path,
    recipe: str,
    rows_per_shard: int,
) -> KeypointStore:
    """Collect what the shards' footers say, and write problems and, last, the manifest."""
    paths = PortablePaths.under([root])
    problems = [paths.problem(problem) for found in splits.values() for problem in found.problems]
    shards: dict[str, ShardEntry] = {}
    images, people = Counter[str](), Counter[str]()
    for task in tasks:
        note = read_keypoint_note(task.path)
        if note is None:
            raise StoreError(f"{task.path}: was written and cannot be read any more; check the disk and run again")
        problems += note.problems
        split = task.path.name.rsplit("-", 3)[0]
        images[split] += note.rows
        people[split] += note.people
        shards[task.path.name] = ShardEntry(
            sha256=file_sha256(task.path), rows=note.rows, bytes=task.path.stat().st_size
        )
    write_atomic(out / PROBLEMS_FILE, "".join(f"{problem.to_json()}\n" for problem in sorted(problems)))
    manifest = KeypointManifest(
        tool=Tool(version=__version__),
        dataset=dataset,
        license=LICENSES[dataset],
        joints=next(iter(splits.values())).joint_set,
        rows_per_shard=rows_per_shard,
        plan_sha256=recipe,
        splits={
            name: KeypointSplit(
                annotations_sha256=file_sha256(found.annotations), images=images[name], people=people[name]
            )
            for name, found in splits.items()
        },
        shards=shards,
        problems=dict(sorted(Counter(problem.kind for problem in problems).items())),
        problems_sha256=file_sha256(out / PROBLEMS_FILE),
    )
    write_atomic(out / MANIFEST_FILE, manifest.to_json())
    return KeypointStore.open(out)
