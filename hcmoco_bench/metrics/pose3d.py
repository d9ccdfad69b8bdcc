"""Errors of 3-D poses and bodies: MPJPE, PA-MPJPE and per-vertex error, in millimeters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.per_sample import SampleRows, require_scored
from hcmoco_bench.metrics.points import checked_points, distances
from hcmoco_bench.metrics.procrustes import procrustes
from hcmoco_bench.results import Evidence

Points = Literal["joints", "vertices"]
METRIC: Final = "pose3d"
CURVE_MM: Final = np.arange(0.0, 205.0, 5.0)
"""Thresholds of the curve of distances, mm."""
NEAR_MM: Final = 150.0
"""A point is found (3-D PCK) if its distance is at most so many mm, half the size of a head; the area under the curve
(AUC) goes up to there. Mehta et al., "Monocular 3D Human Pose Estimation In The Wild", 3DV 2017."""
_NAMES: Final = {"joints": ("mpjpe", "pa_mpjpe"), "vertices": ("pve", "pa_pve")}
_MM: Final = 1000.0
_ROUNDING_MM: Final = 1e-3
"""Distance that single precision gives to points that agree, mm."""


@dataclass(frozen=True)
class PoseErrors:
    """Mean errors over samples, mm; nan where no sample has a valid point.

    Attributes:
        error: After the alignment that was asked for: MPJPE of joints, per-vertex error of vertices.
        aligned_error: After the best similarity of each sample (Procrustes): PA-MPJPE, PA-PVE.
    """

    error: float
    aligned_error: float


class PoseErrorMetric:
    """Mean distance of joints (MPJPE) or vertices (PVE) of each sample, as they are and after Procrustes alignment.

    The mean is over samples, each the mean of its valid points. With several processes each sample belongs to one of
    them; all call `compute` and `evidence`.

    Args:
        points: joints or vertices; only names the scores.
        root: Index of the point that prediction and target are moved to first, as is usual for MPJPE; None to compare
            in absolute coordinates. In samples whose root is not valid, no point is.
        names: Names of the points, P of them, to keep the distance of each point in the evidence too; empty to keep
            means alone.
    """

    def __init__(self, points: Points = "joints", *, root: int | None = 0, names: Sequence[str] = ()) -> None:
        self.root = root
        self.names = tuple(names)
        columns: dict[str, tuple[tuple[int, ...], Any]] = {
            "error_mm": ((), np.float64),
            "aligned_error_mm": ((), np.float64),
            "n_points": ((), np.int32),
        }
        meta: dict[str, Any] = {"points": points, "root": root}
        if names:
            columns |= {"point_error_mm": ((len(names),), np.float64), "valid": ((len(names),), np.bool_)}
            meta["names"] = list(names)
        self._rows = SampleRows(METRIC, columns, meta)

    def reset(self) -> None:
        """Forget everything."""
        self._rows.clear()

    def update(
        self, prediction: ArrayLike, target: ArrayLike, sample_ids: Sequence[str], valid: ArrayLike | None = None
    ) -> None:
        """StepMetric a batch; in full or, if it is refused, not at all.

        Args:
            prediction: (N, P, 3) meters.
            target: (N, P, 3) meters, axes in the same order; may be anything where not valid.
            sample_ids: N ids.
            valid: (N, P) bool, points that count; all if None.

        Raises:
            DataError: If shapes do not fit (`prediction_wrong_size`), or a prediction (`prediction_not_finite`) or
                target (`label_not_finite`) that counts is nan or infinite; names the samples.
        """
        n_points = len(self.names) or None
        found, true, counted = checked_points(prediction, target, sample_ids, valid, n_points=n_points)
        if self.root is not None:
            if not 0 <= self.root < counted.shape[1]:
                raise DataError(
                    f"root {self.root} of {counted.shape[1]} points; it must be one of them",
                    kind="prediction_wrong_size",
                )
            counted = counted & counted[:, [self.root]]
            found, true = (points - points[:, [self.root]] for points in (found, true))
        aligned = procrustes(found, true, counted).apply(found)
        columns = {
            "error_mm": _mean_distance(found, true, counted),
            "aligned_error_mm": _mean_distance(aligned, true, counted),
            "n_points": counted.sum(1),
        }
        if self.names:
            columns |= {"point_error_mm": _MM * np.where(counted, distances(found, true), 0.0), "valid": counted}
        self._rows.append(sample_ids, columns)

    def compute(self) -> PoseErrors:
        """Errors over the samples of all processes.

        Raises:
            DataError: If there is none (`nothing_scored`), or one came twice (`duplicate_ids`).
        """
        evidence = self.evidence()
        require_scored(evidence)
        return PoseErrors(*pose_error_scores(evidence).values())

    def evidence(self) -> Evidence:
        """Per sample: both mean distances in mm (0 without points), and the number of points that count.

        With names also, per point: the distance in mm as it is compared (0 where not valid), and whether it counts.
        """
        return self._rows.evidence()


def pose_error_scores(evidence: Evidence) -> dict[str, float]:
    """The figures of `PoseErrorMetric`, from its evidence alone: mpjpe and pa_mpjpe, or pve and pa_pve; mm."""
    there = evidence.columns["n_points"] > 0
    errors = (evidence.columns[name][there] for name in ("error_mm", "aligned_error_mm"))
    means = [float(one.mean()) if len(one) else float("nan") for one in errors]
    return dict(zip(_NAMES[evidence.meta["points"]], means, strict=True))


def pose_errors_by(evidence: Evidence, groups: Sequence[str]) -> dict[str, dict[str, float | None]]:
    """The scores of `pose_error_scores` for each group of samples, e.g. each action.

    Args:
        evidence: N samples.
        groups: N names.

    Returns:
        Scores by name, mm, by group in the order of its first sample; None for a group without a valid point.
    """
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(groups):
        rows.setdefault(name, []).append(row)
    found = {name: pose_error_scores(evidence.select(some)) for name, some in rows.items()}
    return {
        name: {score: value if value == value else None for score, value in scores.items()}
        for name, scores in found.items()
    }


def near_scores(evidence: Evidence) -> dict[str, float]:
    """`pck_150`, the share of points within 150 mm, and `auc`, its mean over 0, 5, ..., 150 mm; both 0..1.

    From the evidence of a metric with names; nan where no point counts.
    """
    curve = near_curve(evidence)
    return {"pck_150": float(curve[CURVE_MM == NEAR_MM][0]), "auc": float(curve[CURVE_MM <= NEAR_MM].mean())}


def near_curve(evidence: Evidence, points: Sequence[int] | None = None) -> NDArray[np.float64]:
    """(K,) share of the points, or of some of them, whose distance is at most each of `CURVE_MM`, 0..1."""
    chosen = slice(None) if points is None else list(points)
    counted = np.sort(evidence.columns["point_error_mm"][:, chosen][evidence.columns["valid"][:, chosen]])
    if not len(counted):
        return np.full(len(CURVE_MM), np.nan)
    return np.asarray(np.searchsorted(counted, CURVE_MM + _ROUNDING_MM, side="right") / len(counted))


def errors_by_point(evidence: Evidence) -> dict[str, float | None]:
    """Mean distance in mm of each point by name; None for a point that never counts."""
    errors, valid = evidence.columns["point_error_mm"], evidence.columns["valid"]
    total, count = np.where(valid, errors, 0.0).sum(0), valid.sum(0)
    return {
        name: float(one / many) if many else None
        for name, one, many in zip(evidence.meta["names"], total, count, strict=True)
    }


def _mean_distance(
    found: NDArray[np.float64], true: NDArray[np.float64], counted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    total = np.where(counted, distances(found, true), 0.0).sum(1)
    return np.asarray(_MM * total / np.maximum(counted.sum(1), 1))
