"""Calibrating all rigs of a tree: which clips are read, in parallel, and what becomes of rigs that fail."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from hcmoco_bench.align.calibration import Calibration, RigFit, fit_rig
from hcmoco_bench.align.correspondences import rig_points, usable_joints
from hcmoco_bench.errors import CalibrationError, DataError, UsageError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.processes import starting_workers, worker_pool
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.names import ClipName, Rig
from hcmoco_bench.sources.ntu.skeleton import Skeleton, read_skeleton
from hcmoco_bench.sources.ntu.tree import Clip, NtuTree

HOMOGRAPHY_ONLY = "rig_homography_only"
"""The kind of the problem line of a rig that has a good homography but no registered model."""


@dataclass(frozen=True)
class TreeFit:
    """The fits of a tree's rigs.

    Attributes:
        seed: The seed they were made with.
        rigs: One fit for each rig that could be calibrated, in order of the rigs.
        problems: Rigs that could not (kinds `rig_too_few_points`, `rig_bad_fit`) with the skeleton files that could
            not be read for them, and rigs with a homography only (`rig_homography_only`, kept).
        damaged: Skeleton files that could not be read or are cut off, of rigs that could be calibrated all the same.
    """

    seed: int
    rigs: tuple[RigFit, ...]
    problems: tuple[Problem, ...]
    damaged: tuple[Problem, ...] = ()

    @property
    def calibration(self) -> Calibration:
        """The calibrations, ready to be saved."""
        return Calibration(seed=self.seed, rigs={fit.calibration.rig: fit.calibration for fit in self.rigs})


def calibrate(
    tree: NtuTree,
    *,
    seed: int = 0,
    clips_per_rig: int = 24,
    rigs: Collection[Rig] | None = None,
    workers: int = 1,
    progress: Progress = no_progress,
) -> tuple[Calibration, tuple[Problem, ...]]:
    """Calibrate the rigs of a tree; arguments and errors as `fit_rigs`, whose held-out joints are dropped."""
    fit = fit_rigs(tree, seed=seed, clips_per_rig=clips_per_rig, rigs=rigs, workers=workers, progress=progress)
    return fit.calibration, fit.problems


def fit_rigs(
    tree: NtuTree,
    *,
    seed: int = 0,
    clips_per_rig: int = 24,
    rigs: Collection[Rig] | None = None,
    workers: int = 1,
    progress: Progress = no_progress,
) -> TreeFit:
    """Calibrate the rigs of a tree from the tracked joints of some of their clips.

    The clips are spread evenly over the rig's sorted clips, from a start that the seed decides. A clip whose skeleton
    is missing, damaged or without tracked joints is replaced by another. The result depends on the tree and the seed,
    not on the number of workers.

    Args:
        tree: The scanned tree; only skeletons are read.
        seed: Decides clips, points and samples, rig by rig.
        clips_per_rig: The most clips that are used of a rig.
        rigs: The rigs to calibrate; None for all that have a clip in the tree.
        workers: Processes; 1 works in this one.
        progress: Told about finished rigs.

    Returns:
        The fits and the problem lines, sorted by rig.

    Raises:
        UsageError: If `clips_per_rig` or `workers` is below 1.
        CalibrationError: If a worker process died.
    """
    if clips_per_rig < 1 or workers < 1:
        raise UsageError("at least one clip per rig and one worker are needed")
    names: dict[Rig, list[ClipName]] = {rig: [] for rig in sorted(rigs or ())}
    for name in tree.clips:
        if rigs is None or name.rig in names:
            names.setdefault(name.rig, []).append(name)
    tasks = [
        _Task(
            rig, tuple(tree.clips[name] for name in _spread(names[rig], rig, seed, clips_per_rig)), seed, clips_per_rig
        )
        for rig in sorted(names)
    ]
    fits: list[RigFit] = []
    problems: list[Problem] = []
    damaged: list[Problem] = []
    label = "calibrating rigs"
    progress(label, 0, len(tasks))
    for done, (fit, lines, unread) in enumerate(_run(tasks, workers), start=1):
        if fit is not None:
            fits.append(fit)
        problems += lines if fit is not None else [*lines, *unread]
        damaged += unread if fit is not None else []
        progress(label, done, len(tasks))
    return TreeFit(seed, tuple(fits), tuple(problems), tuple(damaged))


@dataclass(frozen=True)
class _Task:
    rig: Rig
    clips: tuple[Clip, ...]
    seed: int
    wanted: int


_Outcome = tuple[RigFit | None, list[Problem], list[Problem]]
"""The fit, the rig's own problem lines, and the skeleton files that are not whole."""


def _run(tasks: list[_Task], workers: int) -> Iterator[_Outcome]:
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from map(_calibrate, tasks)
        return
    with worker_pool(workers) as pool:
        try:
            with starting_workers():
                outcomes = pool.map(_calibrate, tasks)
            yield from outcomes
        except BrokenProcessPool as error:
            raise CalibrationError(
                "a calibration worker died, perhaps for lack of memory; use fewer workers"
            ) from error


def _calibrate(task: _Task) -> _Outcome:
    damaged: list[Problem] = []
    rng = np.random.default_rng([task.seed, task.rig.setup, task.rig.camera])
    try:
        fit = fit_rig(rig_points(task.rig, _good_skeletons(task, damaged), rng=rng), seed=task.seed)
    except CalibrationError as error:
        return None, [Problem(str(task.rig), error.kind, "", str(error))], damaged
    missing = fit.calibration.registered_problem
    if missing is None:
        return fit, [], damaged
    reason = f"{task.rig}: only the homography can be used: {missing}"
    return fit, [Problem(str(task.rig), HOMOGRAPHY_ONLY, "", reason, kept=True)], damaged


def _good_skeletons(task: _Task, damaged: list[Problem]) -> Iterator[tuple[ClipName, Skeleton]]:
    """Yield the first so many clips that have joints to calibrate with; note in `damaged` what is not whole."""
    found = 0
    for clip in task.clips:
        if found == task.wanted:
            return
        if clip.skeleton is None:
            continue
        try:
            skeleton = read_skeleton(clip.skeleton)
        except DataError as error:
            damaged.append(Problem.from_error(str(clip.name), error))
            continue
        if skeleton.truncated:
            reason = (
                f"{clip.skeleton}: ends after {skeleton.n_frames} of {skeleton.declared_frames} frames, whose joints "
                "are used; extract or download it again"
            )
            damaged.append(Problem(str(clip.name), "skeleton_too_short", str(clip.skeleton), reason, kept=True))
        if usable_joints(skeleton).any():
            found += 1
            yield clip.name, skeleton


def _spread(names: list[ClipName], rig: Rig, seed: int, wanted: int) -> list[ClipName]:
    """The clips in the order in which they are tried: evenly spread ones first, then the others at random."""
    rng = np.random.default_rng([seed, rig.setup, rig.camera])
    n = len(names)
    first = ((np.arange(min(wanted, n)) + rng.random()) * n / max(min(wanted, n), 1)).astype(np.intp)
    others = rng.permutation(np.setdiff1d(np.arange(n), first))
    return [names[index] for index in (*first, *others)]
