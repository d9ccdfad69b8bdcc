"""PCKh: the share of joints that lie within a part of the head's size, as MPII's published evaluation counts it.

Source: https://github.com/leoxiaobin/deep-high-resolution-net.pytorch, `lib/dataset/mpii.py`, `evaluate`. A head's size
is 0.6 times the diagonal of its box. The mean is over all joints of all people, without pelvis and thorax.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.body.joints import JointSet, joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.per_sample import SampleRows, require_scored
from hcmoco_bench.results import Evidence

METRIC: Final = "pckh"
HEAD_SHARE: Final = 0.6
"""Size of a head over the diagonal of its box."""

MAIN: Final = "PCKh"
THRESHOLDS: Final = {MAIN: 0.5, "PCKh_0.1": 0.1}
"""Distance over the head's size up to which a joint is right, by name of the mean."""

EXCLUDED: Final = ("pelvis", "thorax")
"""Joints that the mean leaves out, as published."""

CURVE: Final = np.linspace(0.0, 0.5, 51)
"""Thresholds of the curve."""

_NAMED: Final = 5


class PckhMetric:
    """Distances of 2-D joints over the size of the head.

    With several processes each person belongs to one of them; all call `compute` and `evidence`.

    Args:
        joints: Joint set with groups, or its name.
    """

    def __init__(self, joints: JointSet | str = "mpii16") -> None:
        self.joints = joint_set(joints) if isinstance(joints, str) else joints
        groups = {name: list(members) for name, members in self.joints.groups.items()}
        meta = {
            "joints": list(self.joints.joints),
            "groups": groups,
            "excluded": list(EXCLUDED),
            "head_share": HEAD_SHARE,
        }
        n = len(self.joints)
        self._rows = SampleRows(METRIC, {"distance": ((n,), np.float64), "valid": ((n,), np.bool_)}, meta)

    def reset(self) -> None:
        """Forget everything."""
        self._rows.clear()

    def update(
        self,
        prediction: ArrayLike,
        target: ArrayLike,
        valid: ArrayLike,
        head_boxes: ArrayLike,
        sample_ids: Sequence[str],
    ) -> None:
        """Take N people; in full or, if they are refused, not at all.

        Args:
            prediction: (N, J, 2) px (x, y).
            target: (N, J, 2) px, in the same coordinates; may be anything where not valid.
            valid: (N, J) bool, joints to be found.
            head_boxes: (N, 4) px of opposite corners x0, y0, x1, y1.
            sample_ids: N ids.

        Raises:
            DataError: If shapes do not fit (`prediction_wrong_size`), a prediction that counts is nan or infinite
                (`prediction_not_finite`), or a label is (`label_not_finite`), also a head without size.
        """
        found, true, boxes = (np.asarray(one, np.float64) for one in (prediction, target, head_boxes))
        counted = np.asarray(valid, np.bool_)
        n, n_joints = len(sample_ids), len(self.joints)
        shapes = (found.shape, true.shape, counted.shape, boxes.shape)
        if shapes != ((n, n_joints, 2), (n, n_joints, 2), (n, n_joints), (n, 4)):
            raise DataError(
                f"predicted joints {shapes[0]}, true joints {shapes[1]}, validity {shapes[2]} and heads {shapes[3]} "
                f"for {n} people; they must be ({n}, {n_joints}, 2) twice, ({n}, {n_joints}) and ({n}, 4)",
                kind="prediction_wrong_size",
            )
        size = np.asarray(HEAD_SHARE * np.linalg.norm(boxes[:, 2:] - boxes[:, :2], axis=1), np.float64)
        _refuse(
            np.asarray((counted & ~np.isfinite(found).all(2)).any(1)), sample_ids, "prediction", "prediction_not_finite"
        )
        _refuse(
            np.asarray((counted & ~np.isfinite(true).all(2)).any(1) | ~(np.isfinite(size) & (size > 0))),
            sample_ids,
            "label or head box",
            "label_not_finite",
        )
        offsets = np.where(counted[..., None], found - true, 0.0)
        distance = np.sqrt((offsets**2).sum(2)) / size[:, None]
        self._rows.append(sample_ids, {"distance": distance, "valid": counted})

    def compute(self) -> dict[str, float]:
        """See `pckh_scores`; raises DataError if there is nobody (`nothing_scored`) or somebody twice."""
        evidence = self.evidence()
        require_scored(evidence)
        return pckh_scores(evidence)

    def evidence(self) -> Evidence:
        """Per person and joint: the distance over the size of the head, and whether it counts."""
        return self._rows.evidence()


def pckh_scores(evidence: Evidence) -> dict[str, float]:
    """The means at thresholds 0.5 (`PCKh`) and 0.1 (`PCKh_0.1`), and PCKh of each group (`PCKh_head`, ...), in 0..1.

    nan where no joint was to be found. A group's figure is the mean of its joints' figures, as published.
    """
    counted = _in_the_mean(evidence)
    scores = {name: _ratio(*_counts(evidence, threshold, counted)) for name, threshold in THRESHOLDS.items()}
    right, all_ = _per_joint(evidence, THRESHOLDS[MAIN])
    for name, members in evidence.meta["groups"].items():
        shares = [_ratio(right[joint], all_[joint]) for joint in members]
        scores[f"{MAIN}_{name}"] = float(np.mean(shares))
    return scores


def pckh_per_joint(evidence: Evidence) -> dict[str, dict[str, float | None]]:
    """PCKh at both thresholds by joint, 0..1; None for a joint that was never to be found."""
    figures: dict[str, dict[str, float | None]] = {name: {} for name in evidence.meta["joints"]}
    for score, threshold in THRESHOLDS.items():
        right, all_ = _per_joint(evidence, threshold)
        for place, name in enumerate(figures):
            figures[name][score] = float(right[place] / all_[place]) if all_[place] else None
    return figures


def pckh_curve(evidence: Evidence, members: Sequence[int] | None = None) -> NDArray[np.float64]:
    """Share of some joints within each threshold of `CURVE`; of those that the mean counts if None."""
    chosen = np.array(_in_the_mean(evidence) if members is None else members, np.intp)
    distance, valid = evidence.columns["distance"][:, chosen], evidence.columns["valid"][:, chosen]
    counted = np.sort(distance[valid])
    return np.searchsorted(counted, CURVE, side="right") / max(len(counted), 1)


def _in_the_mean(evidence: Evidence) -> list[int]:
    excluded = set(evidence.meta["excluded"])
    return [place for place, name in enumerate(evidence.meta["joints"]) if name not in excluded]


def _per_joint(evidence: Evidence, threshold: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    valid = evidence.columns["valid"]
    return (valid & (evidence.columns["distance"] <= threshold)).sum(0), valid.sum(0)


def _counts(evidence: Evidence, threshold: float, members: Sequence[int]) -> tuple[int, int]:
    right, all_ = _per_joint(evidence, threshold)
    return int(right[list(members)].sum()), int(all_[list(members)].sum())


def _ratio(part: Any, whole: Any) -> float:
    return float(part / whole) if whole else float("nan")


def _refuse(wrong: NDArray[np.bool_], sample_ids: Sequence[str], what: str, kind: str) -> None:
    places = np.flatnonzero(wrong)
    if len(places):
        names = ", ".join(sample_ids[place] for place in places[:_NAMED]) + (", ..." if len(places) > _NAMED else "")
        raise DataError(
            f"{len(places)} people with a {what} that is not finite or has no size: {names}; correct them", kind=kind
        )
