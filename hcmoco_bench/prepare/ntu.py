"""Raw NTU RGB+D in, a prepared store out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.align.rigs import calibrate
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.generated_people import generated_people
from hcmoco_bench.prepare.given import Given
from hcmoco_bench.prepare.inputs import Masks
from hcmoco_bench.prepare.ntu_rows import NtuRows
from hcmoco_bench.prepare.plan import STORED_SPLITS, NtuPlan, make_plan
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.lists import DECLARATION, SampleLists, load_lists
from hcmoco_bench.sources.ntu.masks import MaskFolder
from hcmoco_bench.sources.ntu.tree import NtuTree, scan
from hcmoco_bench.sources.other_forms import seen_instead
from hcmoco_bench.store.executor import Executor
from hcmoco_bench.store.folder import StoreFolder
from hcmoco_bench.store.kinds.ntu import (
    CALIBRATION_FILE,
    LICENSE_NTU,
    NTU,
    RIG_PROBLEMS_FILE,
    NtuManifest,
    PrepareOptions,
    Source,
    store_schema,
)
from hcmoco_bench.store.manifest import LICENSE_GENERATED
from hcmoco_bench.store.paths import PortablePaths
from hcmoco_bench.store.plan import PlannedShard, ShardNote, ShardWork, StorePlan
from hcmoco_bench.store.prepare import Prepared, prepare_store
from hcmoco_bench.store.problem_file import read_problems, write_problems
from hcmoco_bench.store.splits import SplitIds


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
) -> Prepared[NtuManifest]:
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
    absolute = [root.absolute() for root in roots]

    def plan() -> StorePlan:
        tree = scan(absolute, progress=progress)
        _check_tree(tree)
        if given is None:
            found_lists = load_lists(lists or _own_lists(tree), progress=progress)
            masks = None if annotations is None else _find_masks(annotations, found_lists)
        else:
            found_lists, masks = given.lists, given.masks
        made = make_plan(tree, found_lists, masks, options, as_listed=given is not None, progress=progress)
        _check_plan(made, tree)
        given_folders = [*absolute, *([] if annotations is None else [annotations])]
        paths = PortablePaths.under(_holders(tree, masks), otherwise=given_folders)
        return _store_plan(tree, made, masks, given, paths, calibration_workers)

    return prepare_store(NTU, plan, out, executor=executor, overwrite=overwrite, progress=progress)


@dataclass(frozen=True, kw_only=True)
class _NtuStorePlan(StorePlan):
    """The plan of an NTU store; calibrates the rigs before the shards are written.

    Attributes:
        tree: The raw tree.
        plan: The samples and shards.
        masks: The part masks, if given.
        given: What need not be worked out.
        workers: Processes that calibrate.
    """

    tree: NtuTree
    plan: NtuPlan
    masks: Masks | None
    given: Given | None
    workers: int

    def begin(self, folder: StoreFolder, progress: Progress) -> ShardWork:
        """Calibrate the rigs, or take the calibration of an earlier run of this plan."""
        calibration, problems = self._calibrate(folder, progress)
        text = f"{self.sha256} {file_sha256(folder.path / CALIBRATION_FILE)}"
        return ShardWork(
            recipe=hashlib.sha256(text.encode()).hexdigest(),
            shards=tuple(self._shards(calibration)),
            problems=(*self.problems, *problems),
        )

    def finish(self, fields: dict[str, Any], folder: StoreFolder, notes: Mapping[str, ShardNote]) -> dict[str, Any]:
        """Add the hash of the calibration."""
        return fields | {"calibration_sha256": file_sha256(folder.path / CALIBRATION_FILE)}

    def _calibrate(self, folder: StoreFolder, progress: Progress) -> tuple[Calibration, tuple[Problem, ...]]:
        if self.given is not None:
            calibration, problems = self.given.calibration, tuple[Problem, ...]()
        elif (known := _known_calibration(folder.path)) is not None:
            return known
        else:
            rigs = {sample.clip.rig for shard in self.plan.shards for sample in shard.samples}
            seed = self.plan.options.seed
            calibration, problems = calibrate(self.tree, seed=seed, rigs=rigs, workers=self.workers, progress=progress)
        _keep_calibration(folder.path, calibration, problems)
        return calibration, problems

    def _shards(self, calibration: Calibration) -> Iterator[PlannedShard]:
        for shard in self.plan.shards:
            rigs = {str(sample.clip.rig) for sample in shard.samples}
            rows = NtuRows(
                file=shard.file,
                inputs_sha256=shard.inputs_sha256,
                options=self.plan.options,
                samples=shard.samples,
                clips={sample.clip: self.tree.clips[sample.clip] for sample in shard.samples},
                masks=None if self.masks is None else {s: self.masks[s] for s in shard.samples if s in self.masks},
                calibrations={rig: calibration.rigs[rig] for rig in rigs if rig in calibration.rigs},
                check=None if self.given is None else self.given.checks(shard.samples),
            )
            yield PlannedShard(shard.file, rows)


def _store_plan(
    tree: NtuTree, plan: NtuPlan, masks: Masks | None, given: Given | None, paths: PortablePaths, workers: int
) -> StorePlan:
    return _NtuStorePlan(
        sha256=plan.sha256,
        schema=store_schema(parts=plan.options.parts),
        splits={name: SplitIds.of(split.rule, tuple(map(str, split.ids))) for name, split in plan.splits.items()},
        declaration=plan.lists.declaration,
        fields={
            "source": Source(generated=tree.generated, license=LICENSE_GENERATED if tree.generated else LICENSE_NTU),
            "options": plan.options,
            "lists": plan.lists,
            "inputs": plan.inputs,
            "parts": plan.options.parts,
            "generated_people": generated_people(tree),
        },
        problems=(*tree.problems, *plan.problems),
        paths=paths,
        tree=plan.tree,
        plan=plan,
        masks=masks,
        given=given,
        workers=workers,
    )


def _known_calibration(store: Path) -> tuple[Calibration, tuple[Problem, ...]] | None:
    """The calibration of an earlier run of this plan, with its problems; None if there is none."""
    try:
        return Calibration.load(store / CALIBRATION_FILE), read_problems(store / RIG_PROBLEMS_FILE)
    except (DataError, StoreError):
        return None


def _keep_calibration(store: Path, calibration: Calibration, problems: tuple[Problem, ...]) -> None:
    """Keep a calibration for later runs; `calibration.json` is the second file, and stands for both."""
    (store / CALIBRATION_FILE).unlink(missing_ok=True)
    write_problems(store / RIG_PROBLEMS_FILE, problems)
    calibration.save(store / CALIBRATION_FILE)


def _own_lists(tree: NtuTree) -> Path | None:
    """The sample lists that a generated tree, anywhere below the roots, brings along; recorded trees have none.

    Raises:
        UsageError: If several generated trees bring lists.
    """
    found = [folder / "lists" for folder in tree.marked if (folder / "lists" / DECLARATION).is_file()]
    if not tree.generated or not found:
        return None
    if len(found) > 1:
        raise UsageError(f"several generated trees bring lists ({', '.join(map(str, found))}); name one: --lists")
    return found[0]


def _holders(tree: NtuTree, masks: Masks | None) -> set[Path]:
    """The folders above those that hold recordings and masks: the same, however high up the tree a root was given."""
    recordings = {container.path.parent for container in tree.clips.containers}
    return recordings | {_above(asset) for asset in (masks or {}).values()}


def _above(mask: Asset) -> Path:
    return mask.path.parent if mask.member is not None else mask.path.parent.parent


def _find_masks(annotations: Path, lists: SampleLists) -> Masks:
    folder = MaskFolder.open(annotations.absolute())
    samples = (sample for name in STORED_SPLITS for sample in lists.splits[name].ids)
    return {sample: asset for sample in samples if (asset := folder.find(sample)) is not None}


def _check_tree(tree: NtuTree) -> None:
    if not tree.clips:
        where = " and ".join(str(root) for root in tree.roots)
        raise DataError(
            f"{where}: no NTU clip there; give the folder with nturgb+d_rgb or the archives"
            f"{seen_instead(tree.problems)}",
            kind="no_clips",
        )


def _check_plan(plan: NtuPlan, tree: NtuTree) -> None:
    if any(shard.samples for shard in plan.shards):
        return
    where = " and ".join(str(root) for root in tree.roots)
    raise DataError(
        f"{where}: none of its {len(tree.clips)} clips is asked for (lists: {plan.lists.declaration}); choose another "
        "--set, or give the lists that belong to this tree with --lists",
        kind="no_clips",
    )
