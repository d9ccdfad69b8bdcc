"""One set of predictions measured by every convention: the figures of `eval --protocol all`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.metrics.pose_alignment import PoseErrorsByConvention, convention_errors
from hcmoco_bench.metrics.pose_conventions import Measured, PosePair, measured_conventions
from hcmoco_bench.results.resampling import GroupDraws
from hcmoco_bench.results.statistics import percentile_interval
from hcmoco_bench.tasks.core.joint_candidates import NEAR_ZERO, body_size
from hcmoco_bench.tasks.core.plausibility import AS_GIVEN_NOTE, Reading, refuse_reading
from hcmoco_bench.tasks.core.pose_readings import likely_pose_reading
from hcmoco_bench.tasks.core.registry import get_task, task_names
from hcmoco_bench.tasks.core.result import BOOTSTRAP, interval_groups
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Task

ALL: Final = "all"
"""What `--protocol` names to have every convention."""


@dataclass(frozen=True)
class ConventionFigure:
    """The figure of one convention.

    Attributes:
        measured: The convention, and the poses that it measures.
        error_mm: Mean over samples of the mean distance of their joints, mm; nan where no sample can be measured.
        ci95: 95 % interval of that; None without draws, or where no sample can be measured.
        by_action_mm: Mean over actions of the mean over their samples, mm; None where the samples name no action.
        n_samples: Number of samples that were measured.
    """

    measured: Measured
    error_mm: float
    ci95: tuple[float, float] | None
    by_action_mm: float | None
    n_samples: int


@dataclass(frozen=True)
class ConventionReport:
    """What `--protocol all` found.

    Attributes:
        task: Name of the task.
        data: Name of the data, which says whether its people are generated.
        split: Name of the split.
        protocol: The protocol that chose and opened the samples.
        n_samples: Number of samples of the split.
        figures: The figures, in the order of the table of conventions.
        notes: What a reader should know.
        seconds: Duration, without opening the data.
    """

    task: str
    data: str
    split: str
    protocol: str
    n_samples: int
    figures: tuple[ConventionFigure, ...]
    notes: tuple[str, ...]
    seconds: float


def tasks_with_conventions() -> tuple[str, ...]:
    """Names of the tasks whose predictions are 3-D poses."""
    return tuple(name for name in task_names() if has_conventions(get_task(name)))


def has_conventions(task: Task[Any]) -> bool:
    """Whether a task gives its predictions as 3-D poses."""
    return type(task).pose_pairs is not Task.pose_pairs


def require_conventions(task: Task[Any]) -> None:
    """Refuse a task whose predictions are no 3-D poses.

    Raises:
        UsageError: Names the tasks that have conventions.
    """
    if not has_conventions(task):
        known = ", ".join(tasks_with_conventions()) or "none of the installed ones"
        own = ", ".join(protocol.name for protocol in task.record.protocols)
        raise UsageError(
            f"{task.record.id}: --protocol all compares conventions of 3-D pose, which this task does not predict; "
            f"tasks with conventions: {known}; protocols of {task.record.id}: {own}"
        )


def evaluate_conventions(
    task: str | Task[Any],
    path: Path,
    config: FinetuneSettings,
    *,
    split: str | None = None,
    bootstrap: int = BOOTSTRAP,
    as_given: bool = False,
) -> ConventionReport:
    """Measure another program's predictions by every convention whose joints they have.

    Args:
        task: Name of the task, or the task.
        path: File or folder of the predictions.
        config: The settings; their protocol says which samples belong to the split.
        split: The split; None for the task's test split.
        bootstrap: Number of draws of the intervals, of whole groups where the task knows them; 0 for none.
        as_given: Whether to measure predictions that look like another unit or other axes.

    Raises:
        UsageError: If the task predicts no 3-D poses, or there is no such split.
        DataError: If predictions are not those of the whole split, or damaged, or look like something else than the
            task documents (`predictions_implausible`).
    """
    chosen = get_task(task)
    require_conventions(chosen)
    data = chosen.open_data(config, split or chosen.test_split(config), train=False)
    started = time.perf_counter()
    if not as_given:
        chosen.check_predictions(path, data, config)
    pairs = chosen.pose_pairs(path, data, config)
    if not pairs:
        raise DataError(f"{path}: holds no 3-D poses that {chosen.record.id} can compare", kind="nothing_scored")
    if not as_given:
        for pair in pairs:
            check_pose_pair(pair, path)
    groups = interval_groups(chosen, data.ids, data.groups)
    named = None if groups is None else [groups[name] for name in pairs[0].sample_ids]
    pairs, notes = _about_places(pairs)
    figures = convention_figures(pairs, groups=named, bootstrap=bootstrap)
    if named is not None and bootstrap:
        notes += (f"intervals draw whole groups ({len(set(named))} people or videos), not single samples",)
    return ConventionReport(
        task=chosen.record.id,
        data=data.stated_name,
        split=data.split,
        protocol=config.protocol,
        n_samples=len(data),
        figures=figures,
        notes=(*notes, *((AS_GIVEN_NOTE,) if as_given else ())),
        seconds=time.perf_counter() - started,
    )


def convention_figures(
    pairs: Sequence[PosePair], *, groups: Sequence[str] | None = None, bootstrap: int = BOOTSTRAP, seed: int = 0
) -> tuple[ConventionFigure, ...]:
    """The figure of each convention by which the pairs can be measured.

    Args:
        pairs: The same samples in one or several joint sets.
        groups: Group of each sample, drawn as a whole; None to draw samples.
        bootstrap: Number of draws of the intervals; 0 for none.
        seed: Seed of the draws.
    """
    measured = measured_conventions(pairs)
    if not measured:
        return ()
    errors = [convention_errors(one) for one in measured]
    intervals = _intervals(errors, groups, bootstrap, seed) if bootstrap else [None] * len(errors)
    return tuple(
        ConventionFigure(
            measured=one,
            error_mm=error.mean_mm,
            ci95=interval,
            by_action_mm=_by_action(error, one.pair.actions),
            n_samples=int(error.scored.sum()),
        )
        for one, error, interval in zip(measured, errors, intervals, strict=True)
    )


def check_pose_pair(pair: PosePair, path: Path) -> None:
    """Refuse poses that another unit, other axes or another order of the joints explains much better.

    Raises:
        DataError: Kind `predictions_implausible`; names the likely correction, and the figure that it would give.
    """
    joints = joint_set(pair.joints)
    likely = likely_pose_reading(
        pair.prediction, pair.target, joints, pair.valid, documented=pair.unit, views=pair.views
    )
    if likely is None:
        return
    documented = (
        f"{pair.unit} along the camera's axes (x to the right, y down, z forward) with the joints in the order of "
        f"{pair.joints}"
    )
    given = Reading("as documented", _told(pair, pair.prediction))
    refuse_reading(path, documented, given, Reading(likely.what, _told(pair, likely.joints)))


def _told(pair: PosePair, prediction: NDArray[np.float64]) -> str:
    read = PosePair(prediction, pair.target, pair.valid, pair.joints, pair.sample_ids, absolute=False)
    by_kind = {
        (one.convention.alignment, one.convention.center): convention_errors(one).mean_mm
        for one in reversed(measured_conventions([read]))
        if one.convention.choice.joints == pair.joints
    }
    moved = by_kind.get(("root", "pelvis"), by_kind.get(("root", "hips")))
    aligned = by_kind[("similarity", None)]
    return f"an MPJPE of {moved:,.1f} mm (PA-MPJPE {aligned:,.1f} mm)"


def _about_places(pairs: Sequence[PosePair]) -> tuple[tuple[PosePair, ...], tuple[str, ...]]:
    """The pairs without a claim to absolute positions where they plainly have none, and a note if that is so."""
    claimed = [pair for pair in pairs if pair.absolute]
    if not claimed:
        return tuple(pairs), ("the predictions are positions about a point, so no figure is in absolute coordinates",)
    if not any(map(_about_a_point, claimed)):
        return tuple(pairs), ()
    note = (
        "the predictions lie around the camera, so they are positions about a point (a joint, say); figures in "
        "absolute coordinates are left out"
    )
    return tuple(replace(pair, absolute=False) for pair in pairs), (note,)


def _about_a_point(pair: PosePair) -> bool:
    """Whether a joint of most predicted poses, or their middle, stays at depth 0."""
    whole = pair.valid.all(1) & np.isfinite(pair.prediction).all((1, 2))
    if not whole.any():
        return False
    found = pair.prediction[whole]
    depths = np.concatenate([found[..., 2], found[..., 2].mean(1, keepdims=True)], 1)
    return bool((np.sqrt((depths**2).mean(0)) < NEAR_ZERO * body_size(found)).any())


def _by_action(errors: PoseErrorsByConvention, actions: Sequence[str]) -> float | None:
    if not actions:
        return None
    of = np.array(actions)[errors.scored]
    values = errors.error_mm[errors.scored]
    means = [float(values[of == action].mean()) for action in sorted(set(of.tolist()))]
    return float(np.mean(means)) if means else float("nan")


def _intervals(
    errors: Sequence[PoseErrorsByConvention], groups: Sequence[str] | None, n: int, seed: int
) -> list[tuple[float, float] | None]:
    """The 95 % interval of each mean; every convention sees the same draws."""
    total = np.stack([np.where(one.scored, one.error_mm, 0.0) for one in errors], 1)  # (N, C)
    number = np.stack([one.scored for one in errors], 1).astype(np.float64)
    draws = GroupDraws.of(len(total), groups, n=n, seed=seed)
    sums, counts = (np.stack([values[rows].sum(0) for rows in draws.members]) for values in (total, number))
    with np.errstate(invalid="ignore"):
        means = np.concatenate([(weights @ sums) / (weights @ counts) for weights in draws.weights()])
    return [
        percentile_interval(column) if one.scored.any() else None for one, column in zip(errors, means.T, strict=True)
    ]
