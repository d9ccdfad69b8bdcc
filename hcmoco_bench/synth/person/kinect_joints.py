"""Kinect v2's 25 joints from the rig, in its order, on the person's true sides.

Kinect's hips are nearer to each other than the anatomical ones, its spine base lies between them, its spine
shoulder a little below the neck, and its head joint in the middle of the head; the mixtures below were chosen to
give the proportions of real NTU skeletons.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.anny_rig import BONES, Skeleton, bone

_SIDED = {
    "shoulder": {"upperarm01": 1.0},
    "elbow": {"lowerarm01": 1.0},
    "wrist": {"wrist": 1.0},
    "hand": {"wrist": 0.4, "finger2-1": 0.15, "finger3-1": 0.15, "finger4-1": 0.15, "finger5-1": 0.15},
    "hip": {"upperleg01": 0.7, "root": 0.3},
    "knee": {"lowerleg01": 1.0},
    "ankle": {"foot": 1.0},
    "foot": {"foot": 0.35, "toes": 0.65},
    "hand tip": {"finger3-2": -1.0, "finger3-3": 2.0},
    "thumb": {"finger1-2": -0.7, "finger1-3": 1.7},
}
_CENTRAL = {
    "spine base": {"upperleg01.L": 0.35, "upperleg01.R": 0.35, "root": 0.3},
    "spine mid": {"spine02": 0.55, "spine01": 0.45},
    "spine shoulder": {"clavicle.L": 0.2, "clavicle.R": 0.2, "neck01": 0.6},
    "neck": {"neck01": 0.35, "neck02": 0.65},
    "head": {"head": 1.0},
}
_HEAD_CENTER = (0.0, 0.055, 0.045)
"""From the head bone's joint to the middle of the head, neutral axes, meters; scaled by the neck's length."""


@cache
def joint_mixture() -> NDArray[np.float64]:
    """(25, B) weights of the bones' heads in each joint; rows sum to 1."""
    names = joint_set("kinect25").joints
    matrix = np.zeros((len(names), len(BONES)))
    for row, name in enumerate(names):
        for source, weight in _mixture(name).items():
            matrix[row, bone(source)] = weight
    return matrix


def _mixture(name: str) -> dict[str, float]:
    words = name.replace("_", " ").lower()
    if words in _CENTRAL:
        return _CENTRAL[words]
    side = "L" if "left" in words else "R"
    table = _SIDED[" ".join(word for word in words.split() if word not in ("left", "right"))]
    return {source if source == "root" else f"{source}.{side}": weight for source, weight in table.items()}


def kinect_joints(skeleton: Skeleton, heads: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """World positions of the joints.

    Args:
        skeleton: The joints of the body's rest shape, for its scale.
        heads: (N, B, 3) posed heads, meters.
        turns: (N, B, 3, 3) world orientations relative to the neutral pose.

    Returns:
        (N, 25, 3) meters, Kinect order.
    """
    joints: NDArray[np.float64] = joint_mixture() @ heads
    scale = skeleton.length("neck01", "head") / 0.11
    center = scale * np.array(_HEAD_CENTER)
    joints[:, joint_set("kinect25").index("head")] += turns[:, bone("head")] @ center
    return joints
