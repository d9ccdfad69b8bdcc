"""Raw NTU RGB+D in, a prepared store out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hcmoco_bench import __version__
from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.align.rigs import calibrate
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.atomic import remove_temporary, write_atomic, write_error
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.executors import Executor, LocalExecutor
from hcmoco_bench.prepare.given import Given
from hcmoco_bench.prepare.inputs import Masks
from hcmoco_bench.prepare.manifest import (
    LICENSE_GENERATED,
    LICENSE_NTU,
    MANIFEST_FILE,
    Manifest,
    ShardEntry,
    Source,
    SplitCount,
    Tool,
)
from hcmoco_bench.prepare.options import PrepareOptions
from hcmoco_bench.prepare.paths import PortablePaths
from hcmoco_bench.prepare.plan import STORED_SPLITS, Plan, make_plan
from hcmoco_bench.prepare.shard import ShardTask, read_note, write_shard
from hcmoco_bench.prepare.store import CALIBRATION_FILE, PROBLEMS_FILE, SPLITS_FILE, Store
from hcmoco_bench.prepare.workspace import Workspace
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.lists import DECLARATION, SampleLists, load_lists
from hcmoco_bench.sources.ntu.masks import MaskFolder
from hcmoco_bench.sources.ntu.tree import NtuTree, scan


@dataclass(frozen=True)
class Prepared:
    """What `prepare_ntu` did.

    Attributes:
        store: The finished store.
        kept: Number of samples in shards that were finished by earlier runs.
        nothing_to_do: True if the store was finished already.
    """

    store: Store
    kept: int
    nothing_to_do: bool


def prepare_ntu(
    roots: Sequence[Path],
    out: Path,
    options: PrepareOptions,
    *,
    annotations: Path | None = None,
    lists: Path | None = None,
    executor: Executor | None = None,
    calibration_workers: int = 1,
    given: Given | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Prepared:
    """Make a prepared store, or continue one that was interrupted.

    The store's bytes depend on the raw files and on `options`, not on the executor, on interruptions, or on where
    anything lies. Bad inputs become problem lines.

    Args:
        roots: Folders with raw clips, extracted or in archives, or archives; at least one.
        out: Folder of the store; made if it is not there.
        options: What is asked for; `options.parts` must say whether there are masks.
        annotations: Folder or archive with the part masks.
        lists: Folder with the sample lists; None for the official ones (or those of a single generated root).
        executor: Who writes the shards; None for this process alone.
        calibration_workers: Processes that calibrate rigs.
        given: Lists, transforms and masks of a published store that is to be rebuilt, in place of `annotations`,
            `lists` and a calibration; rows that come out otherwise than published are left out.
        overwrite: Replace a store made from other inputs or with other options, or this one.
        progress: Told about each step.

    Raises:
        UsageError: If options contradict each other.
        DataError: If a root cannot be read (kind `root_unreadable`), no clip that is asked for is there (`no_clips`),
            or the lists or masks cannot be read.
        StoreError: If `out` holds something else or cannot be written; StoreLockedError if another process writes it.
    """
    if given is not None and (annotations is not None or lists is not None):
        raise UsageError("what is given has its own lists and masks")
    if options.parts != (annotations is not None if given is None else given.masks is not None):
        raise UsageError("options.parts must say whether annotations are given")
    if not roots:
        raise UsageError("give at least one --root")
    roots = [root.absolute() for root in roots]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(out, error) from error
    with folder_lock(out):
        try:
            tree = scan(roots, progress=progress)
            _check_tree(tree)
            if given is None:
                found_lists = load_lists(lists or _own_lists(tree), progress=progress)
                masks = None if annotations is None else _find_masks(annotations, found_lists)
            else:
                found_lists, masks = given.lists, given.masks
            plan = make_plan(tree, found_lists, masks, options, as_listed=given is not None, progress=progress)
            _check_plan(plan, tree)
            workspace = Workspace(out.absolute(), plan.sha256)
            if (store := workspace.begin(overwrite=overwrite)) is not None:
                return Prepared(store, sum(entry.rows for entry in store.manifest.shards.values()), nothing_to_do=True)
            if given is None:
                calibration, problems = _calibrate(workspace, tree, plan, calibration_workers, progress)
            else:
                calibration, problems = given.calibration, ()
                workspace.keep_calibration(calibration, problems)
            paths = PortablePaths.under([*roots, *([] if annotations is None else [annotations])])
            tasks = _tasks(workspace, tree, plan, masks, calibration, paths, given)
            kept = _write_shards(workspace, tasks, executor or LocalExecutor(1), progress)
            outer = [paths.problem(problem) for problem in (*tree.problems, *plan.problems, *problems)]
            return Prepared(_finish(workspace, plan, tree, outer, progress), kept, nothing_to_do=False)
        finally:
            remove_temporary(out)


def _own_lists(tree: NtuTree) -> Path | None:
    """The sample lists that a generated tree brings along; recorded trees have none but the official ones."""
    folder = tree.roots[0] / "lists"
    return folder if tree.generated and len(tree.roots) == 1 and (folder / DECLARATION).is_file() else None


def _find_masks(annotations: Path, lists: SampleLists) -> Masks:
    folder = MaskFolder.open(annotations.absolute())
    samples = (sample for name in STORED_SPLITS for sample in lists.splits[name].ids)
    return {sample: asset for sample in samples if (asset := folder.find(sample)) is not None}


def _check_tree(tree: NtuTree) -> None:
    if not tree.clips:
        where = " and ".join(str(root) for root in tree.roots)
        raise DataError(
            f"{where}: no NTU clip there; give the folder with nturgb+d_rgb or the archives", kind="no_clips"
        )


def _check_plan(plan: Plan, tree: NtuTree) -> None:
    if any(shard.samples for shard in plan.shards):
        return
    where = " and ".join(str(root) for root in tree.roots)
    raise DataError(
        f"{where}: none of its {len(tree.clips)} clips is asked for (lists: {plan.lists.declaration}); choose another "
        "--set, or give the lists that belong to this tree with --lists",
        kind="no_clips",
    )


def _calibrate(
    workspace: Workspace, tree: NtuTree, plan: Plan, workers: int, progress: Progress
) -> tuple[Calibration, tuple[Problem, ...]]:
    known = workspace.calibration()
    if known is not None:
        return known
    rigs = {sample.clip.rig for shard in plan.shards for sample in shard.samples}
    calibration, problems = calibrate(tree, seed=plan.options.seed, rigs=rigs, workers=workers, progress=progress)
    workspace.keep_calibration(calibration, problems)
    return calibration, problems


def _tasks(
    workspace: Workspace,
    tree: NtuTree,
    plan: Plan,
    masks: Masks | None,
    calibration: Calibration,
    paths: PortablePaths,
    given: Given | None,
) -> Iterator[ShardTask]:
    recipe = workspace.recipe()
    for shard in plan.shards:
        rigs = {str(sample.clip.rig) for sample in shard.samples}
        yield ShardTask(
            store=workspace.path,
            file=shard.file,
            recipe=recipe,
            inputs_sha256=shard.inputs_sha256,
            options=plan.options,
            samples=shard.samples,
            clips={sample.clip: tree.clips[sample.clip] for sample in shard.samples},
            masks=None if masks is None else {s: masks[s] for s in shard.samples if s in masks},
            calibrations={rig: calibration.rigs[rig] for rig in rigs if rig in calibration.rigs},
            paths=paths,
            check=None if given is None else given.checks(shard.samples),
        )


def _write_shards(workspace: Workspace, tasks: Iterable[ShardTask], executor: Executor, progress: Progress) -> int:
    """Write the shards that are not finished; returns the number of samples in those that are."""
    open_tasks: list[ShardTask] = []
    kept = total = 0
    for task in tasks:
        total += len(task.samples)
        if workspace.is_finished(task.file, task.recipe):
            kept += len(task.samples)
        else:
            (workspace.path / task.file).unlink(missing_ok=True)
            open_tasks.append(task)
    done = kept
    progress("preparing samples", done, total)
    for samples in executor.run(write_shard, open_tasks):
        done += samples
        progress("preparing samples", done, total)
    return kept


def _finish(workspace: Workspace, plan: Plan, tree: NtuTree, outer: Sequence[Problem], progress: Progress) -> Store:
    """Collect what the shards' footers say, and write splits, problems and, last, the manifest."""
    path = workspace.path
    shards: dict[str, ShardEntry] = {}
    problems = list(outer)
    for done, shard in enumerate(plan.shards):
        progress("hashing shards", done, len(plan.shards))
        file = path / shard.file
        note = read_note(file)
        if note is None:
            raise StoreError(f"{file}: was written and cannot be read any more; check the disk and run again")
        problems += note.problems
        shards[shard.file] = ShardEntry(sha256=file_sha256(file), rows=note.rows, bytes=file.stat().st_size)
    progress("hashing shards", len(plan.shards), len(plan.shards))
    planned = {str(sample) for shard in plan.shards for sample in shard.samples}
    left_out = {problem.id for problem in problems if not problem.kept}
    stored = planned - left_out
    splits = {
        name: {"rule": split.rule, "sha256": split.sha256, "ids": [str(sample) for sample in split.ids]}
        for name, split in plan.splits.items()
    }
    write_atomic(path / SPLITS_FILE, dump_json({"declaration": plan.lists.declaration, "splits": splits}))
    write_atomic(path / PROBLEMS_FILE, "".join(f"{problem.to_json()}\n" for problem in sorted(problems)))
    manifest = Manifest(
        tool=Tool(version=__version__),
        source=Source(generated=tree.generated, license=LICENSE_GENERATED if tree.generated else LICENSE_NTU),
        options=plan.options,
        lists=plan.lists,
        inputs=plan.inputs,
        plan_sha256=plan.sha256,
        splits={
            name: SplitCount(
                expected=len(split.ids), rows=sum(str(sample) in stored for sample in split.ids), sha256=split.sha256
            )
            for name, split in plan.splits.items()
        },
        parts=plan.options.parts,
        shards=shards,
        problems=dict(sorted(Counter(problem.kind for problem in problems).items())),
        calibration_sha256=file_sha256(path / CALIBRATION_FILE),
        splits_sha256=file_sha256(path / SPLITS_FILE),
        problems_sha256=file_sha256(path / PROBLEMS_FILE),
    )
    write_atomic(path / MANIFEST_FILE, manifest.to_json())
    workspace.end()
    return Store.open(path)
