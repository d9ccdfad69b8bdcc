"""Accuracy of 3-D joints as ITOP scores it: the share of joints that are less than 10 cm off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.body.joints import JointSet, joint_set
from hcmoco_bench.metrics.per_sample import SampleRows, require_scored
from hcmoco_bench.metrics.points import point_errors
from hcmoco_bench.results import Evidence

METRIC: Final = "joint_accuracy"
CURVE_CM: Final = np.arange(0.0, 30.5, 0.5)
"""Thresholds of the accuracy curve, cm."""
_CM: Final = 100.0


@dataclass(frozen=True, eq=False)
class JointAccuracyScores:
    """Scores over all joints of all samples; nan where none was to be found.

    Attributes:
        accuracy: Share of joints below the threshold, 0..1.
        groups: The same of the joint set's groups, e.g. `upper` and `lower`.
        per_joint: (J,) the same per joint.
        mean_error_cm: Mean distance, cm.
        per_joint_error_cm: (J,) the same per joint.
        thresholds_cm: (K,) thresholds of the curve, cm.
        curve: (K,) accuracy at each of them, 0..1.
    """

    accuracy: float
    groups: dict[str, float]
    per_joint: NDArray[np.float64]
    mean_error_cm: float
    per_joint_error_cm: NDArray[np.float64]
    thresholds_cm: NDArray[np.float64]
    curve: NDArray[np.float64]


class JointAccuracyMetric:
    """Distances of joints in the world, in groups and over thresholds.

    With several processes each sample belongs to one of them; all call `compute` and `evidence`.

    Args:
        joints: Joint set, or its name.
        threshold_cm: A joint is right if its distance is smaller, cm.
    """

    def __init__(self, joints: JointSet | str = "itop15", *, threshold_cm: float = 10.0) -> None:
        self.joints = joint_set(joints) if isinstance(joints, str) else joints
        groups = {name: list(members) for name, members in self.joints.groups.items()}
        meta = {"joints": list(self.joints.joints), "groups": groups, "threshold_cm": float(threshold_cm)}
        n = len(self.joints)
        self._rows = SampleRows(METRIC, {"error_cm": ((n,), np.float64), "valid": ((n,), np.bool_)}, meta)

    def reset(self) -> None:
        """Forget everything."""
        self._rows.clear()

    def update(
        self, prediction: ArrayLike, target: ArrayLike, sample_ids: Sequence[str], valid: ArrayLike | None = None
    ) -> None:
        """StepMetric a batch; in full or, if it is refused, not at all.

        Args:
            prediction: (N, J, 3) meters.
            target: (N, J, 3) meters, in the same coordinates; may be anything where not valid.
            sample_ids: N ids.
            valid: (N, J) bool, joints to be found; all if None.

        Raises:
            DataError: If shapes do not fit (`prediction_wrong_size`), or a prediction (`prediction_not_finite`) or
                target (`label_not_finite`) that counts is nan or infinite; names the samples.
        """
        errors, valid = point_errors(prediction, target, sample_ids, valid, n_points=len(self.joints))
        self._rows.append(sample_ids, {"error_cm": _CM * errors, "valid": valid})

    def compute(self) -> JointAccuracyScores:
        """Scores of the samples of all processes.

        Raises:
            DataError: If there is none (`nothing_scored`), or one came twice (`duplicate_ids`).
        """
        evidence = self.evidence()
        require_scored(evidence)
        return _scores(evidence)

    def evidence(self) -> Evidence:
        """Per sample and joint: the distance in cm, and whether it counts."""
        return self._rows.evidence()


def joint_accuracy_scores(evidence: Evidence) -> dict[str, float]:
    """The figures of `JointAccuracyMetric`, from its evidence alone: accuracy, accuracy_<group>, mean_error_cm."""
    found = _scores(evidence)
    groups = {f"accuracy_{name}": value for name, value in found.groups.items()}
    return {"accuracy": found.accuracy, **groups, "mean_error_cm": found.mean_error_cm}


def joint_accuracy_per_joint(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """Accuracy and mean error by joint, from the evidence alone; None for a joint that was never to be found."""
    found = _scores(evidence)
    figures = zip(evidence.meta["joints"], found.per_joint.tolist(), found.per_joint_error_cm.tolist(), strict=True)
    return {
        name: {"accuracy": accuracy, "error_cm": error}
        if accuracy == accuracy
        else {"accuracy": None, "error_cm": None}
        for name, accuracy, error in figures
    }


def _scores(evidence: Evidence) -> JointAccuracyScores:
    errors, valid = evidence.columns["error_cm"], evidence.columns["valid"]
    right = valid & (errors < evidence.meta["threshold_cm"])
    n_right, n_valid = right.sum(0), valid.sum(0)
    total = np.where(valid, errors, 0).sum(0)
    groups = {name: np.array(members) for name, members in evidence.meta["groups"].items()}
    counted = np.sort(errors[valid])
    return JointAccuracyScores(
        accuracy=_ratio(n_right.sum(), n_valid.sum()),
        groups={name: _ratio(n_right[members].sum(), n_valid[members].sum()) for name, members in groups.items()},
        per_joint=_ratios(n_right, n_valid),
        mean_error_cm=_ratio(total.sum(), n_valid.sum()),
        per_joint_error_cm=_ratios(total, n_valid),
        thresholds_cm=CURVE_CM,
        curve=_ratios(np.searchsorted(counted, CURVE_CM, side="left"), np.full(len(CURVE_CM), len(counted))),
    )


def _ratios(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _ratio(part: float, whole: int) -> float:
    return float(part / whole) if whole else float("nan")
