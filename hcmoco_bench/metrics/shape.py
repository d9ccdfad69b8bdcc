"""Recovered bodies beside true ones: errors of joints, of vertices, of the shape alone, of height, mass and waist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet, joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.per_sample import SampleRows, require_scored
from hcmoco_bench.metrics.points import checked_points, distances
from hcmoco_bench.metrics.procrustes import procrustes
from hcmoco_bench.results import Evidence

METRIC: Final = "shape"
FIGURES: Final = ("height_cm", "mass_kg", "waist_cm")
"""What a person understands of a shape, with its unit."""
LABEL_COLUMNS: Final = frozenset(f"true_{name}" for name in FIGURES)
SURFACE_COLUMNS: Final = ("vertex_mm",)
SHAPE_COLUMNS: Final = ("neutral_mm", *FIGURES)
"""Columns that are nan in all rows for predictions without vertices, and without shape."""
JOINT_COLUMNS: Final = ("joint_mm", "aligned_joint_mm")
_MM: Final = 1000.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bodies:
    """N bodies in the axes of the camera, whose pelvis is at the origin; predicted and true ones match by row.

    Attributes:
        joints: (N, J, 3) meters.
        vertices: (N, V, 3) meters; None for joints alone.
        neutral: (N, V, 3) meters, the same shape in the neutral pose, its pelvis at the origin; None if not known.
        figures: (N, 3) height in cm, mass in kg and waist in cm; None if not known.
    """

    joints: Floats
    vertices: Floats | None = None
    neutral: Floats | None = None
    figures: Floats | None = None


class ShapeMetric:
    """Errors of bodies.

    With several processes each sample belongs to one of them; all call `compute` and `evidence`.

    Args:
        joints: Joint set on which joints are scored, or its name.
    """

    def __init__(self, joints: JointSet | str = "lsp14") -> None:
        self.joints = joint_set(joints) if isinstance(joints, str) else joints
        n = len(self.joints)
        columns = dict.fromkeys(JOINT_COLUMNS, ((n,), np.float64))
        single = (*SURFACE_COLUMNS, *SHAPE_COLUMNS, *sorted(LABEL_COLUMNS))
        meta = {"joints": list(self.joints.joints)}
        self._rows = SampleRows(METRIC, columns | dict.fromkeys(single, ((), np.float64)), meta)

    def reset(self) -> None:
        """Forget everything."""
        self._rows.clear()

    def update(self, prediction: Bodies, target: Bodies, sample_ids: Sequence[str]) -> None:
        """Score a batch; in full or, if it is refused, not at all.

        Args:
            prediction: The recovered bodies; what is None is not scored, and must be None in every batch.
            target: The true bodies, with their figures.
            sample_ids: N ids.

        Raises:
            DataError: If shapes do not fit (`prediction_wrong_size`), or a prediction (`prediction_not_finite`) or
                target (`label_not_finite`) is nan or infinite; names the samples.
        """
        found, true, _ = checked_points(prediction.joints, target.joints, sample_ids, None, n_points=len(self.joints))
        n, nothing = len(sample_ids), np.full(len(sample_ids), np.nan)
        if target.figures is None or target.figures.shape != (n, len(FIGURES)):
            raise ValueError("true bodies need their figures")
        figures = np.full((n, len(FIGURES)), np.nan) if prediction.figures is None else prediction.figures
        if figures.shape != (n, len(FIGURES)):
            raise DataError(
                f"figures of shape {figures.shape} for {n} samples; they must be ({n}, {len(FIGURES)})",
                kind="prediction_wrong_size",
            )
        if prediction.figures is not None:
            _require_figures(figures, sample_ids)
        columns = {
            "joint_mm": _MM * distances(found, true),
            "aligned_joint_mm": _MM * distances(procrustes(found, true).apply(found), true),
            "vertex_mm": _mean_mm(prediction.vertices, target.vertices, sample_ids, nothing),
            "neutral_mm": _mean_mm(prediction.neutral, target.neutral, sample_ids, nothing),
        }
        for place, name in enumerate(FIGURES):
            columns |= {name: figures[:, place], f"true_{name}": target.figures[:, place]}
        self._rows.append(sample_ids, columns)

    def compute(self) -> dict[str, float]:
        """Scores of the samples of all processes.

        Raises:
            DataError: If there is none (`nothing_scored`), or one came twice (`duplicate_ids`).
        """
        evidence = self.evidence()
        require_scored(evidence)
        return shape_scores(evidence)

    def evidence(self) -> Evidence:
        """Per sample: distances in mm, with and without alignment, and predicted and true figures."""
        return self._rows.evidence()


def shape_scores(evidence: Evidence) -> dict[str, float]:
    """The figures of `ShapeMetric`, from its evidence alone; those that the predictions do not allow are left out.

    mpjpe_mm, pa_mpjpe_mm, pve_mm, neutral_pve_mm; and for height, mass and waist the mean absolute error, e.g.
    `height_error_cm`, and the mean of predicted less true, e.g. `height_bias_cm`.
    """
    columns = evidence.columns
    scores = {
        "mpjpe_mm": _mean(columns["joint_mm"]),
        "pa_mpjpe_mm": _mean(columns["aligned_joint_mm"]),
    }
    if known(evidence, "vertex_mm"):
        scores["pve_mm"] = _mean(columns["vertex_mm"])
    if known(evidence, "neutral_mm"):
        scores["neutral_pve_mm"] = _mean(columns["neutral_mm"])
    for name in FIGURES:
        if known(evidence, name):
            what, unit = name.rsplit("_", 1)
            off = columns[name] - columns[f"true_{name}"]
            scores |= {f"{what}_error_{unit}": _mean(np.abs(off)), f"{what}_bias_{unit}": _mean(off)}
    return scores


def shape_per_joint(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """Mean errors by joint, from the evidence alone; None if there is no sample."""
    plain, aligned = (evidence.columns[name] for name in JOINT_COLUMNS)
    return {
        name: {
            "mpjpe_mm": float(plain[:, place].mean()) if len(evidence) else None,
            "pa_mpjpe_mm": float(aligned[:, place].mean()) if len(evidence) else None,
        }
        for place, name in enumerate(evidence.meta["joints"])
    }


def known(evidence: Evidence, column: str) -> bool:
    """Whether the predictions say what a column holds."""
    return bool(np.isfinite(evidence.columns[column]).any())


def _mean_mm(found: Floats | None, true: Floats | None, sample_ids: Sequence[str], nothing: Floats) -> Floats:
    """(N,) mean distance of vertices; `nothing` if none were predicted."""
    if found is None:
        return nothing
    if true is None:
        raise ValueError("true bodies need their vertices")
    points = checked_points(found, true, sample_ids, None, n_points=true.shape[1])
    return np.asarray(_MM * distances(points[0], points[1]).mean(1))


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")


def _require_figures(figures: Floats, sample_ids: Sequence[str]) -> None:
    wrong = np.flatnonzero(~np.isfinite(figures).all(1))
    if len(wrong):
        named = ", ".join(sample_ids[row] for row in wrong[:5])
        raise DataError(
            f"{len(wrong)} samples whose predicted height, mass or waist is nan or infinite: {named}; correct them",
            kind="prediction_not_finite",
        )
