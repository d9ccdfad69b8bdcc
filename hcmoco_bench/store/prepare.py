"""Write a store of any kind: claim the folder, write the shards that are missing, and finish with the manifest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from hcmoco_bench import __version__
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import remove_temporary, write_atomic, write_error
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.executor import Executor
from hcmoco_bench.store.folder import StoreFolder
from hcmoco_bench.store.kind import ManifestT, StoreKind
from hcmoco_bench.store.manifest import MANIFEST_FILE, ShardEntry, Tool
from hcmoco_bench.store.plan import PlannedShard, ShardNote, ShardWork, StorePlan
from hcmoco_bench.store.problem_file import PROBLEMS_FILE, write_problems
from hcmoco_bench.store.shard_writer import ShardTask, read_note, write_shard
from hcmoco_bench.store.shards import row_ids, shard_split
from hcmoco_bench.store.splits import SPLITS_FILE, write_splits
from hcmoco_bench.store.store import Store


@dataclass(frozen=True)
class Prepared(Generic[ManifestT]):
    """What `prepare_store` did.

    Attributes:
        store: The finished store.
        kept: Number of rows that earlier runs finished.
        nothing_to_do: True if the store was finished already.
    """

    store: Store[ManifestT]
    kept: int
    nothing_to_do: bool


def prepare_store(
    kind: StoreKind[ManifestT],
    plan: StorePlan | Callable[[], StorePlan],
    out: Path,
    *,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Prepared[ManifestT]:
    """Write a store, or continue one that was interrupted.

    The store's bytes depend on the plan and the raw files alone, not on the executor, on interruptions, or on where
    anything lies. Every shard appears in one step under its name, the manifest last; a run that is killed at any
    moment is continued by the next one of the same plan.

    A recipe in a package outside plans its shards and hands them over, for example:

        plan = StorePlan(
            sha256=fingerprint([__version__, *sizes_of_the_inputs]),
            schema=SCHEMA,
            splits={"train": SplitIds.of("all of it", ids)},
            declaration="mine",
            shards=[PlannedShard(file, MyRows(part)) for file, part in cut_shards("train", ids, 128)],
        )
        prepare_store(MyKind(), plan, Path("store"), executor=LocalExecutor(4))

    Args:
        kind: Kind of the store.
        plan: The plan, or a function that makes it; it is called when the folder is locked, so that a second writer is
            told so before a long search.
        out: Folder of the store; made if it is not there.
        executor: Who writes the shards; None for this process alone.
        overwrite: Replace a store made from other inputs or with other options, or this one.
        progress: Told about each step.

    Raises:
        StoreError: If `out` holds something else or cannot be written; StoreLockedError if another process writes it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(out, error) from error
    with folder_lock(out):
        try:
            made = plan if isinstance(plan, StorePlan) else plan()
            folder = StoreFolder(out.absolute(), kind, made.sha256)
            if folder.claim(overwrite=overwrite):
                store = _open_finished(kind, out)
                return Prepared(store, store.manifest.rows, nothing_to_do=True)
            work = made.begin(folder, progress)
            kept = _write_shards(folder, made, work, executor, progress)
            _finish(folder, made, work, progress)
            folder.end()
            return Prepared(kind.open(out), kept, nothing_to_do=False)
        finally:
            remove_temporary(out)


def _open_finished(kind: StoreKind[ManifestT], out: Path) -> Store[ManifestT]:
    try:
        return kind.open(out)
    except StoreError as error:
        raise StoreError(f"{error}; give --overwrite to replace it") from error


def _write_shards(
    folder: StoreFolder, plan: StorePlan, work: ShardWork, executor: Executor | None, progress: Progress
) -> int:
    """Write the shards that are not finished; returns the number of rows in those that are."""
    kind = folder.kind
    label = f"preparing {kind.noun}s"
    tasks: list[ShardTask] = []
    kept = done = total = 0
    for shard in work.shards:
        path = folder.path / shard.file
        total += len(shard.rows)
        note = read_note(path)
        if note is not None and note.recipe == work.recipe:
            kept += note.rows
            done += len(shard.rows)
            continue
        path.unlink(missing_ok=True)
        tasks.append(ShardTask(path, work.recipe, plan.schema, kind.row_group, kind.statistics, shard.rows, plan.paths))
    progress(label, done, total)
    for samples in map(write_shard, tasks) if executor is None else executor.run(write_shard, tasks):
        done += samples
        progress(label, done, total)
    return kept


def _finish(folder: StoreFolder, plan: StorePlan, work: ShardWork, progress: Progress) -> None:
    """Collect what the shards' footers say, and write splits, problems and, last, the manifest."""
    path, kind = folder.path, folder.kind
    notes, shards = _read_shards(folder, work.shards, progress)
    problems = [plan.paths.problem(problem) for problem in work.problems]
    problems += [problem for note in notes.values() for problem in note.problems]
    write_splits(path, plan.declaration, plan.splits)
    problems = sorted(set(problems))  # several shards of one clip say the same of it
    write_problems(path / PROBLEMS_FILE, problems)
    fields = {
        "tool": Tool(version=__version__),
        "plan_sha256": plan.sha256,
        "splits": _count_splits(folder, plan, shards),
        "shards": shards,
        "problems": dict(sorted(Counter(problem.kind for problem in problems).items())),
        "splits_sha256": file_sha256(path / SPLITS_FILE),
        "problems_sha256": file_sha256(path / PROBLEMS_FILE),
        **plan.fields,
    }
    manifest = kind.manifest_model(**plan.finish(fields, folder, notes))
    write_atomic(path / MANIFEST_FILE, manifest.to_json())


def _read_shards(
    folder: StoreFolder, planned: Sequence[PlannedShard], progress: Progress
) -> tuple[dict[str, ShardNote], dict[str, ShardEntry]]:
    notes: dict[str, ShardNote] = {}
    entries: dict[str, ShardEntry] = {}
    for done, shard in enumerate(planned):
        progress("hashing shards", done, len(planned))
        path = folder.path / shard.file
        note = read_note(path)
        if note is None:
            raise StoreError(f"{path}: was written and cannot be read any more; check the disk and run again")
        notes[shard.file] = note
        entries[shard.file] = ShardEntry(sha256=file_sha256(path), rows=note.rows, bytes=path.stat().st_size)
    progress("hashing shards", len(planned), len(planned))
    return notes, entries


def _count_splits(folder: StoreFolder, plan: StorePlan, shards: Mapping[str, ShardEntry]) -> dict[str, dict[str, Any]]:
    """Of each split the number of samples that it should have and has, and its fingerprint."""
    by_split: dict[str, set[str]] = {}
    for file in shards:
        by_split.setdefault(shard_split(file), set()).update(row_ids(folder.path / file, folder.kind.key))
    everything = set().union(*by_split.values())
    counts: dict[str, dict[str, Any]] = {}
    for name, split in plan.splits.items():
        present = by_split.get(name, everything)
        rows = sum(row_id in present for row_id in split.ids)
        counts[name] = {"expected": len(split.ids), "rows": rows, "sha256": split.sha256}
    return counts
