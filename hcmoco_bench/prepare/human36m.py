"""Human3.6M's videos, part labels and joints in, a store of frames out: every 25th frame, as published for parsing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hcmoco_bench import __version__
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.human36m_rows import Human36mRows, RecordingFrames
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.human36m import FrameId, Human36mTree, PartLabels, Recording, count_frames, scan
from hcmoco_bench.sources.human36m.layout import EVERY, MOST_APART, TEST_SUBJECTS, TRAIN_SUBJECTS
from hcmoco_bench.store.columns import JPEG_QUALITY
from hcmoco_bench.store.executor import Executor
from hcmoco_bench.store.kinds.human36m import (
    HUMAN36M,
    LICENSE_HUMAN36M,
    POSE_SCHEMA,
    SCHEMA,
    Human36mChoice,
    Human36mManifest,
    Human36mSource,
)
from hcmoco_bench.store.manifest import LICENSE_GENERATED
from hcmoco_bench.store.paths import PortablePaths
from hcmoco_bench.store.plan import PlannedShard, StorePlan
from hcmoco_bench.store.prepare import Prepared, prepare_store
from hcmoco_bench.store.shards import shard_name
from hcmoco_bench.store.splits import SplitIds
from hcmoco_bench.uniform import uniform_share

ROWS_PER_SHARD: Final = 128
_SHARES: Final = (20, 10, 5, 1)
_SUBJECTS: Final = {"train": TRAIN_SUBJECTS, "test": TEST_SUBJECTS}


def prepare_human36m(
    root: Path,
    out: Path,
    *,
    every: int = EVERY,
    rows_per_shard: int = ROWS_PER_SHARD,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Prepared[Human36mManifest]:
    """Make a store of Human3.6M's frames with part labels, or continue one that was interrupted.

    Frames 0, 25, 50, ... of every recording count, as long as both the video and the labels have them; a recording
    whose two lengths differ by more than `MOST_APART` is left out. Where recordings have positions of joints, the store
    has a column `pose`; frames whose positions cannot be used stay, without. The store's bytes depend on the raw files
    and the options alone. Recordings and frames that cannot be used become problem lines.

    Args:
        root: Human3.6M's folder, extracted; it holds `S1`, `S5`, ...
        out: Folder of the store; made if it is not there.
        every: Stride in frames.
        rows_per_shard: Rows at which a shard is closed: the unit of work and of resuming.
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
    choice = Human36mChoice(every=every, jpeg_quality=JPEG_QUALITY, rows_per_shard=rows_per_shard)

    def plan() -> StorePlan:
        recordings, problems = _measure(tree, every, progress)
        return StorePlan(
            sha256=_plan_sha256(tree, recordings, problems, choice),
            schema=POSE_SCHEMA if tree.has_positions else SCHEMA,
            splits=_splits(recordings, every),
            declaration=HUMAN36M.name,
            fields={
                "source": Human36mSource(
                    generated=tree.generated, license=LICENSE_GENERATED if tree.generated else LICENSE_HUMAN36M
                ),
                "options": choice,
                "recordings": len(recordings),
                **({"poses": True} if tree.has_positions else {}),
            },
            shards=tuple(_shards(recordings, choice, poses=tree.has_positions)),
            problems=problems,
            paths=PortablePaths.under([tree.root]),
        )

    return prepare_store(HUMAN36M, plan, out, executor=executor, overwrite=overwrite, progress=progress)


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
            problem = _lengths_differ(recording, shown, labeled, every)
            problems.append(problem)
            if not problem.kept:
                continue
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


def _lengths_differ(recording: Recording, shown: int, labeled: int, every: int) -> Problem:
    """The line of a recording whose video and labels differ in length; kept if both begin together."""
    longer, count = max(shown, labeled), min(shown, labeled)
    kept = longer - count <= max(2, MOST_APART * longer)
    if kept:
        lost = len(range(0, longer, every)) - len(range(0, count, every))
        what = f"the first {count} are used, {lost} of the chosen frames are missing"
    else:
        what = (
            "which label belongs to which frame cannot be known, and none is used; give the published files, neither "
            "cut nor re-encoded"
        )
    reason = f"{recording.labels}: labels of {labeled} frames, the video has {shown}; {what}"
    return Problem(str(recording.name), "lengths_differ", str(recording.labels), reason, kept=kept)


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
        sizes = [path.stat().st_size for path in one.recording.files]
        parts.append([str(one.recording.name), one.n_frames, *sizes])
    return json_sha256(parts)


def _shards(recordings: Sequence[RecordingFrames], choice: Human36mChoice, *, poses: bool) -> Iterator[PlannedShard]:
    """Recordings stay whole; a split without any has no shard."""
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
            makes = Human36mRows(tuple(content), choice.every, choice.jpeg_quality, poses)
            yield PlannedShard(shard_name(split, number, len(shards)), makes)


def _splits(recordings: Sequence[RecordingFrames], every: int) -> dict[str, SplitIds]:
    splits: dict[str, SplitIds] = {}
    for split, subjects in _SUBJECTS.items():
        ids = tuple(
            str(FrameId(one.recording.name, frame))
            for one in recordings
            if one.recording.name.subject in subjects
            for frame in one.frames(every)
        )
        named = ", ".join(map(str, subjects))
        rule = f"subjects {named}: frames 0, {every}, {2 * every}, ... of every recording"
        splits[split] = SplitIds.of(rule, ids)
    for percent in _SHARES:
        splits[f"train_{percent}"] = SplitIds.of(
            f"uniform-{percent} of train", uniform_share(splits["train"].ids, percent)
        )
    return splits
