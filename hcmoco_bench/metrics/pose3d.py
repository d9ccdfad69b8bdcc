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
_NAMES: Final = {"joints": ("mpjpe", "pa_mpjpe"), "vertices": ("pve", "pa_pve")}
_MM: Final = 1000.0


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
    """

    def __init__(self, points: Points = "joints", *, root: int | None = 0) -> None:
        self.root = root
        columns: dict[str, tuple[tuple[int, ...], Any]] = {
            "error_mm": ((), np.float64),
            "aligned_error_mm": ((), np.float64),
            "n_points": ((), np.int32),
        }
        self._rows = SampleRows(METRIC, columns, {"points": points, "root": root})

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
        found, true, counted = checked_points(prediction, target, sample_ids, valid)
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
        """Per sample: both mean distances in mm (0 without points), and the number of points that count."""
        return self._rows.evidence()


def pose_error_scores(evidence: Evidence) -> dict[str, float]:
    """The figures of `PoseErrorMetric`, from its evidence alone: mpjpe and pa_mpjpe, or pve and pa_pve; mm."""
    there = evidence.columns["n_points"] > 0
    errors = (evidence.columns[name][there] for name in ("error_mm", "aligned_error_mm"))
    means = [float(one.mean()) if len(one) else float("nan") for one in errors]
    return dict(zip(_NAMES[evidence.meta["points"]], means, strict=True))


def _mean_distance(
    found: NDArray[np.float64], true: NDArray[np.float64], counted: NDArray[np.bool_]
) -> NDArray[np.float64]:
    total = np.where(counted, distances(found, true), 0.0).sum(1)
    return np.asarray(_MM * total / np.maximum(counted.sum(1), 1))
