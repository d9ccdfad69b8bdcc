"""Predicted bodies in another unit, along other axes, turned, transposed or in degrees: refused with the reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.shape_crops import PeopleWithBodies
from hcmoco_bench.metrics.points import distances
from hcmoco_bench.metrics.shape import Bodies
from hcmoco_bench.tasks.core.plausibility import Reading, refuse_doubtful, refuse_reading
from hcmoco_bench.tasks.core.pose_readings import likely_pose_reading
from hcmoco_bench.tasks.shape.bodies import TaskBodies
from hcmoco_bench.tasks.shape.predictions import PredictedBodies
from hcmoco_bench.tasks.shape.record import JOINTS
from hcmoco_bench.tasks.shape.scoring import matching_truth, predicted_bodies
from hcmoco_bench.uniform import spread

DOCUMENTED: Final = "meters in the axes of the camera (x right, y down, z away from it)"
_COMPARED: Final = 64
_LONGEST: Final = 4 * np.pi
"""Radians; rotation vectors longer than two turns are degrees."""
_LIKELY: Final = 0.6
"""A likely reading's error is below this share of that of the rotations as they are."""
_SHORTEST, _TALLEST = 50.0, 300.0
"""Cm; people beyond this range are none."""
_MM: Final = 1000.0
Floats = NDArray[np.float64]


def check_plausible(
    path: Path, prediction: PredictedBodies, people: PeopleWithBodies, rows: list[int], bodies: TaskBodies
) -> None:
    """Refuse predictions that another reading explains much better, or that are no people.

    Args:
        path: Their file.
        prediction: What it holds, in the order of `rows`.
        people: The people.
        rows: Rows of the people that are scored.
        bodies: The body models.

    Raises:
        DataError: Kind `predictions_implausible`.
    """
    if prediction.longest > _LONGEST:
        refuse_doubtful(
            path,
            f"its rotation vectors are up to {prediction.longest:.0f} long; radians are expected, and these look like "
            "degrees; convert them",
        )
    some = np.array(spread(range(len(rows)), _COMPARED), np.intp)
    part, true_rows = _subset(prediction, some), [rows[place] for place in some]
    found = predicted_bodies(bodies.estimated, part, range(len(some)))
    true = matching_truth(part, people, true_rows, bodies)
    given = _error(found.joints, true.joints)
    _check_transposed(path, part, true, given, bodies)
    everything = np.ones(true.joints.shape[:2], np.bool_)
    likely = likely_pose_reading(found.joints, true.joints, joint_set(JOINTS), everything)
    if likely is not None:
        middle = likely.joints - likely.joints.mean(1, keepdims=True)
        corrected = _error(middle, true.joints - true.joints.mean(1, keepdims=True))
        told = f"an error of {corrected:,.1f} mm about the middle of the joints"
        refuse_reading(path, DOCUMENTED, _reading("as documented", given), Reading(_words(likely.what, part), told))
    if found.figures is not None:
        height = float(np.median(found.figures[:, 0]))
        if not _SHORTEST <= height <= _TALLEST:
            refuse_doubtful(
                path,
                f"with its shape parameters, people are {height:,.0f} cm tall; give shape in the units of the model "
                f"({bodies.estimated.name}: {', '.join(bodies.estimated.shape_names)})",
            )


def _check_transposed(path: Path, part: PredictedBodies, true: Bodies, given: float, bodies: TaskBodies) -> None:
    if part.rotations is None or part.vertices is not None:
        return
    other = replace(part, rotations=np.ascontiguousarray(part.rotations.swapaxes(-1, -2)))
    error = _error(predicted_bodies(bodies.estimated, other, range(len(true.joints))).joints, true.joints)
    size = _MM * float(np.linalg.norm(true.joints - true.joints.mean(1, keepdims=True), axis=-1).mean())
    if error < _LIKELY * min(given, size):
        likely = _reading("rotations the other way round (transposed matrices, or negative vectors)", error)
        refuse_reading(path, "rotations that turn a bone from the rest pose", _reading("as documented", given), likely)


def _words(what: str, part: PredictedBodies) -> str:
    """A reading in the words of parameters: SMPL's axes, y up and z towards the camera, are half a turn about x."""
    if what == "meters with y and z mirrored" and part.rotations is not None:
        return "bodies turned by half a turn about x (y up and z towards the camera, as SMPL's own axes)"
    return what


def _subset(prediction: PredictedBodies, rows: NDArray[np.intp]) -> PredictedBodies:
    def some(values: Floats | None) -> Floats | None:
        return None if values is None else values[rows]

    return PredictedBodies(
        some(prediction.rotations), some(prediction.shape), some(prediction.vertices), some(prediction.joints)
    )


def _reading(what: str, error: float) -> Reading:
    return Reading(what, f"an MPJPE of {error:,.1f} mm")


def _error(found: Floats, true: Floats) -> float:
    return _MM * float(distances(found, true).mean())
