"""The figures of a result of the task `pose3d`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.pose3d_crops import ROOT, PoseCrops
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.metrics.pose3d import CURVE_MM, NEAR_MM, errors_by_point, near_curve
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.tasks.core.task import ResultFigure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIDE: Final = 192
"""Side of the crops that are drawn, px."""

Points = NDArray[np.float64]


def pose_figures(
    crops: PoseCrops,
    rows: Mapping[str, int],
    predicted: Mapping[str, Points],
    evidence: Evidence,
    per_action: Mapping[str, Mapping[str, float | None]],
) -> tuple[ResultFigure, ...]:
    """The figures, drawn when they are asked for.

    Args:
        crops: The data set.
        rows: Row in it of each sample that is drawn.
        predicted: (J, 3) predicted joints by sample id, meters.
        evidence: Of all samples.
        per_action: Figures by action.
    """
    return (
        ResultFigure(
            "poses",
            "True joints in white, predicted ones in orange, both with the root in the true place, and in red where "
            f"they are more than {NEAR_MM:g} mm off.",
            partial(_draw_sheet, crops, rows, predicted),
        ),
        ResultFigure("actions", "Mean distance of the joints by action.", partial(_draw_actions, per_action)),
        ResultFigure("joints", "Mean distance of each joint about the root.", partial(_draw_joints, evidence)),
        ResultFigure("curve", "Share of joints within a distance.", partial(_draw_curve, evidence)),
    )


def _draw_sheet(crops: PoseCrops, rows: Mapping[str, int], predicted: Mapping[str, Points]) -> Figure:
    from hcmoco_bench.plotting.poses import PoseImage, pose_sheet

    images = []
    for name, row in rows.items():
        true, intrinsics = crops.index.joints[row], crops.index.intrinsics[row]
        crop = Crop.of_square(*crops.square(row), _SIDE)
        placed = predicted[name] - predicted[name][ROOT] + true[ROOT]
        seen = [
            crop.points(intrinsics[:2] * one[:, :2] / np.maximum(one[:, 2:], 0.1) + intrinsics[2:])
            for one in (true, placed)
        ]
        images.append(PoseImage(name, crop.rgb(crops.image(row)), true, placed, seen[0], seen[1]))
    return pose_sheet(images, joints=crops.joints.name, threshold_mm=NEAR_MM)


def _draw_actions(per_action: Mapping[str, Mapping[str, float | None]]) -> Figure:
    from hcmoco_bench.plotting.poses import error_bars

    there = {name: one for name, one in per_action.items() if one["mpjpe"] is not None}
    return error_bars(there, {"mpjpe": "MPJPE (protocol 1)", "pa_mpjpe": "PA-MPJPE (protocol 2)"})


def _draw_joints(evidence: Evidence) -> Figure:
    from hcmoco_bench.plotting.poses import error_bars

    return error_bars({name: {"error": value} for name, value in errors_by_point(evidence).items()}, {"error": ""})


def _draw_curve(evidence: Evidence) -> Figure:
    from hcmoco_bench.plotting.poses import distance_curve

    return distance_curve(CURVE_MM, near_curve(evidence), marked_mm=NEAR_MM)
