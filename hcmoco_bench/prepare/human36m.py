"""Human3.6M's videos and part labels in, a store of frames for parsing out: every 25th frame, as published."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.atomic import remove_temporary, write_atomic, write_error
from hcmoco_bench.files.hashing import file_sha256, fingerprint, json_sha256
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.executors import Executor, LocalExecutor
from hcmoco_bench.prepare.human36m_shard import (
    Human36mShardTask,
    RecordingFrames,
    read_human36m_note,
    write_human36m_shard,
)
from hcmoco_bench.prepare.human36m_store import (
    LICENSE,
    Human36mChoice,
    Human36mManifest,
    Human36mSource,
    Human36mStore,
)
from hcmoco_bench.prepare.manifest import LICENSE_GENERATED, MANIFEST_FILE, ShardEntry, SplitCount, Tool
from hcmoco_bench.prepare.options import JPEG_QUALITY
from hcmoco_bench.prepare.paths import PortablePaths
from hcmoco_bench.prepare.store import PROBLEMS_FILE, SPLITS_FILE
from hcmoco_bench.prepare.store_folder import StoreFolder
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.human36m import FrameId, Human36mTree, PartLabels, count_frames, scan
from hcmoco_bench.sources.human36m.layout import EVERY, TEST_SUBJECTS, TRAIN_SUBJECTS
from hcmoco_bench.sources.ntu.splits import uniform

ROWS_PER_SHARD: Final = 128
_SHARES: Final = (20, 10, 5, 1)
_SUBJECTS: Final = {"train": TRAIN_SUBJECTS, "test": TEST_SUBJECTS}

Splits = Mapping[str, tuple[str, tuple[FrameId, ...]]]
"""Rule and frames by name of the split."""


class _Folder(StoreFolder):
    files = (SPLITS_FILE, PROBLEMS_FILE)


@dataclass(frozen=True)
class PreparedHuman36m:
    """What `prepare_human36m` did.

    Attributes:
        store: The finished store.
        kept: Frames in shards that were finished by earlier runs.
        nothing_to_do: True if the store was finished already.
    """

    store: Human36mStore
    kept: int
    nothing_to_do: bool


def prepare_human36m(
    root: Path,
    out: Path,
    *,
    every: int = EVERY,
    rows_per_shard: int = ROWS_PER_SHARD,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> PreparedHuman36m:
    """Make a store of Human3.6M's frames with part labels, or continue one that was interrupted.

    Frames 0, 25, 50, ... of every recording count, as long as both the video and the labels have them. The store's
    bytes depend on the raw files and the options alone. Recordings and frames that cannot be used become problem lines.

    Args:
        root: Human3.6M's folder, extracted; it holds `S1`, `S5`, ...
        out: Folder of the store; made if it is not there.
        every: One frame of so many.
        rows_per_shard: A shard is closed when it has so many rows: the unit of work and of resuming.
        executor: Who writes the shards; None for this process alone.
        overwrite: Replace a store made from other inputs or with other options, or this one.
        progress: Told about each step.

    Raises:
        UsageError: If a number makes no sense.
        DataError: If the folder cannot be read or holds no recording that can be used (`no_recordings`).
        StoreError: If `out` holds something else or cannot be written; StoreLockedError if another process writes it.
    """
    if every < 1 or rows_per_shard < 1:
        raise UsageError("the step between frames and the rows of a shard must be at least 1")
    tree = scan(root.absolute())
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(out, error) from error
    with folder_lock(out):
        try:
            recordings, problems = _measure(tree, every, progress)
            choice = Human36mChoice(every=every, jpeg_quality=JPEG_QUALITY, rows_per_shard=rows_per_shard)
            plan = _plan_sha256(tree, recordings, problems, choice)
            folder = _Folder(out.absolute(), plan)
            if folder.claim(overwrite=overwrite):
                store = Human36mStore.open(out)
                return PreparedHuman36m(store, sum(entry.rows for entry in store.manifest.shards.values()), True)
            tasks = _tasks(folder, recordings, choice, PortablePaths.under([root]))
            kept = _write_shards(tasks, executor or LocalExecutor(1), progress)
            manifest = _finish(folder, tree, recordings, problems, choice, tasks)
            folder.end()
            return PreparedHuman36m(Human36mStore(out, manifest), kept, False)
        finally:
            remove_temporary(out)


def _measure(
    tree: Human36mTree, every: int, progress: Progress
) -> tuple[tuple[RecordingFrames, ...], tuple[Problem, ...]]:
    """How many frames each recording has, from the headers of its files."""
    paths = PortablePaths.under([tree.root])
    problems = list(tree.problems)
    found = []
    for done, recording in enumerate(tree.recordings):
        progress("looking at recordings", done, len(tree.recordings))
        try:
            shown = count_frames(recording.video)
            with PartLabels(recording.labels) as labels:
                labeled = len(labels)
        except DataError as error:
            problems.append(Problem.from_error(str(recording.name), error))
            continue
        count = min(shown, labeled)
        if shown != labeled:
            lost = len(range(0, max(shown, labeled), every)) - len(range(0, count, every))
            reason = (
                f"{recording.labels}: labels of {labeled} frames, the video has {shown}; the first {count} are used, "
                f"{lost} of the chosen frames are missing"
            )
            problems.append(Problem(str(recording.name), "lengths_differ", str(recording.labels), reason, kept=True))
        if count:
            found.append(RecordingFrames(recording, count))
    progress("looking at recordings", len(tree.recordings), len(tree.recordings))
    if not found:
        raise DataError(
            f"{tree.root}: none of its {len(tree.recordings)} recordings can be read; the first: "
            f"{problems[0].reason if problems else 'they are empty'}",
            kind="no_recordings",
            file=str(tree.root),
        )
    return tuple(found), tuple(paths.problem(problem) for problem in problems)


def _plan_sha256(
    tree: Human36mTree, recordings: Sequence[RecordingFrames], problems: Sequence[Problem], choice: Human36mChoice
) -> str:
    """Fingerprint of everything the store's bytes depend on; raw files by name, length and size."""
    parts: list[object] = [
        __version__,
        choice.model_dump(),
        tree.generated,
        [problem.to_json() for problem in problems],
    ]
    for one in recordings:
        sizes = [path.stat().st_size for path in (one.recording.video, one.recording.labels)]
        parts.append([str(one.recording.name), one.n_frames, *sizes])
    return json_sha256(parts)


def _tasks(
    folder: _Folder, recordings: Sequence[RecordingFrames], choice: Human36mChoice, paths: PortablePaths
) -> list[Human36mShardTask]:
    tasks = []
    for split, subjects in _SUBJECTS.items():
        shards: list[list[RecordingFrames]] = []
        rows = choice.rows_per_shard
        for one in recordings:
            if one.recording.name.subject not in subjects:
                continue
            if rows >= choice.rows_per_shard:
                shards.append([])
                rows = 0
            shards[-1].append(one)
            rows += len(one.frames(choice.every))
        for number, content in enumerate(shards):
            path = folder.path / f"{split}-{number:05d}-of-{len(shards):05d}.parquet"
            tasks.append(
                Human36mShardTask(path, folder.plan_sha256, tuple(content), choice.every, choice.jpeg_quality, paths)
            )
    return tasks


def _write_shards(tasks: Sequence[Human36mShardTask], executor: Executor, progress: Progress) -> int:
    """Write the shards that are not finished; returns the number of frames in those that are."""
    left = [task for task in tasks if (note := read_human36m_note(task.path)) is None or note.recipe != task.recipe]
    total = sum(task.planned for task in tasks)
    kept = done = total - sum(task.planned for task in left)
    progress("preparing frames", done, total)
    for frames in executor.run(write_human36m_shard, left):
        done += frames
        progress("preparing frames", done, total)
    return kept


def _splits(recordings: Sequence[RecordingFrames], every: int) -> Splits:
    splits: dict[str, tuple[str, tuple[FrameId, ...]]] = {}
    for split, subjects in _SUBJECTS.items():
        frames = tuple(
            FrameId(one.recording.name, frame)
            for one in recordings
            if one.recording.name.subject in subjects
            for frame in one.frames(every)
        )
        named = ", ".join(map(str, subjects))
        splits[split] = (f"subjects {named}: frames 0, {every}, {2 * every}, ... of every recording", frames)
    for percent in _SHARES:
        splits[f"train_{percent}"] = (f"uniform-{percent} of train", uniform(splits["train"][1], percent))
    return splits


def _finish(
    folder: _Folder,
    tree: Human36mTree,
    recordings: Sequence[RecordingFrames],
    outer: Sequence[Problem],
    choice: Human36mChoice,
    tasks: Sequence[Human36mShardTask],
) -> Human36mManifest:
    """Collect what the shards' footers say, and write splits, problems and, last, the manifest."""
    problems = list(outer)
    shards: dict[str, ShardEntry] = {}
    for task in tasks:
        note = read_human36m_note(task.path)
        if note is None:
            raise StoreError(f"{task.path}: was written and cannot be read any more; check the disk and run again")
        problems += note.problems
        shards[task.file] = ShardEntry(sha256=file_sha256(task.path), rows=note.rows, bytes=task.path.stat().st_size)
    splits = _splits(recordings, choice.every)
    left_out = {problem.id for problem in problems if not problem.kept}
    texts = {name: [str(frame) for frame in frames] for name, (_, frames) in splits.items()}
    document = {
        name: {"rule": rule, "sha256": fingerprint(texts[name]), "ids": texts[name]}
        for name, (rule, _) in splits.items()
    }
    write_atomic(folder.path / SPLITS_FILE, dump_json({"declaration": "human36m", "splits": document}))
    write_atomic(folder.path / PROBLEMS_FILE, "".join(f"{problem.to_json()}\n" for problem in sorted(problems)))
    manifest = Human36mManifest(
        tool=Tool(version=__version__),
        source=Human36mSource(generated=tree.generated, license=LICENSE_GENERATED if tree.generated else LICENSE),
        options=choice,
        recordings=len(recordings),
        plan_sha256=folder.plan_sha256,
        splits={
            name: SplitCount(expected=len(ids), rows=sum(text not in left_out for text in ids), sha256=fingerprint(ids))
            for name, ids in texts.items()
        },
        shards=shards,
        problems=dict(sorted(Counter(problem.kind for problem in problems).items())),
        splits_sha256=file_sha256(folder.path / SPLITS_FILE),
        problems_sha256=file_sha256(folder.path / PROBLEMS_FILE),
    )
    write_atomic(folder.path / MANIFEST_FILE, manifest.to_json())
    return manifest
