"""Human3.6M's 32 joints from the rig, in its order, and the camera's view of them."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.anny_rig import Skeleton, bone
from hcmoco_bench.body_models.joint_regressors import joint_places
from hcmoco_bench.sources.human36m.layout import POSE_JOINTS
from hcmoco_bench.synth.kinect.cameras import apply_rigid
from hcmoco_bench.synth.kinect.raycast import View
from hcmoco_bench.synth.motion.posing import Pose
from hcmoco_bench.synth.person.human36m_joints import head_size, on_the_rig

_MM: Final = 1000.0
_SIDED: Final = {
    "hip": {"upperleg01": 1.0},
    "knee": {"lowerleg01": 1.0},
    "ankle": {"foot": 1.0},
    "toe base": {"toes": 1.0},
    "toe end": {"toes": 1.4, "foot": -0.4},
    "shoulder": {"upperarm01": 1.0},
    "elbow": {"lowerarm01": 1.0},
    "wrist": {"wrist": 1.0},
    "thumb base": {"wrist": 1.0},
    "thumb end": {"finger1-3": 1.0},
    "hand": {"finger3-1": 1.0},
    "hand end": {"finger3-1": 1.0},
}
_REPEATED: Final = {"spine base": "root", "left collar": "neck", "right collar": "neck"}
"""Joints that repeat one of the 17 in the middle of the body."""

_SCORED: Final = "h36m17"


@cache
def _mixture() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(32, B) weights of the bones' heads in each joint, with sum 1, and (32, 3) what is added on the head.

    Images show people as in a mirror, and sides are those of the image: a joint on the left is of the right bones.
    """
    rows = [on_the_rig(_place(name)) for name in joint_set(POSE_JOINTS).joints]
    return np.stack([weights for weights, _ in rows]), np.stack([offset for _, offset in rows])


def _place(name: str) -> dict[str, float]:
    scored = joint_set(_SCORED)
    name = _REPEATED.get(name, name)
    side, _, rest = name.partition(" ")
    if not rest:  # in the middle of the body
        return joint_places(_SCORED)[scored.index(name)]
    return {f"{one}.{_mirrored(side)}": weight for one, weight in _SIDED[rest].items()}


def _mirrored(side: str) -> str:
    return {"left": "R", "right": "L"}[side]


def human36m_joints(skeleton: Skeleton, pose: Pose) -> NDArray[np.float64]:
    """World positions (N, 32, 3) of the joints of N poses, meters; `h36m32`, sides as the image shows them."""
    weights, offsets = _mixture()
    beside = pose.turns[:, bone("head")] @ (head_size(skeleton) * offsets.T)
    joints: NDArray[np.float64] = weights @ pose.heads + np.swapaxes(beside, -1, -2)
    return joints


def seen_by(view: View, joints: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Joints as Human3.6M publishes them.

    Args:
        view: The camera.
        joints: (N, J, 3) world meters.

    Returns:
        (N, J, 3) millimeters in the camera's coordinates (x right, y down, z forward), and (N, J, 2) px.
    """
    there = apply_rigid(view.pose, joints)
    return _MM * there * [1.0, -1.0, 1.0], view.camera.project(there)
