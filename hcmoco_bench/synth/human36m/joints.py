"""Human3.6M's 32 joints from the rig, in its order, and the camera's view of them."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.sources.human36m.layout import POSE_JOINTS
from hcmoco_bench.synth.kinect.cameras import apply_rigid
from hcmoco_bench.synth.kinect.raycast import View
from hcmoco_bench.synth.motion.posing import Pose
from hcmoco_bench.synth.person.body_model import BONES, Skeleton, bone

_MM: Final = 1000.0
_SIDED: Final = {
    "hip": {"upperleg01": 1.0},
    "knee": {"lowerleg01": 1.0},
    "ankle": {"foot": 1.0},
    "toe base": {"toes": 1.0},
    "toe end": {"toes": 1.4, "foot": -0.4},
    "collar": {"neck01": 1.0},
    "shoulder": {"upperarm01": 1.0},
    "elbow": {"lowerarm01": 1.0},
    "wrist": {"wrist": 1.0},
    "thumb base": {"wrist": 1.0},
    "thumb end": {"finger1-3": 1.0},
    "hand": {"finger3-1": 1.0},
    "hand end": {"finger3-1": 1.0},
}
_CENTRAL: Final = {
    "root": {"upperleg01.L": 0.5, "upperleg01.R": 0.5},
    "spine base": {"upperleg01.L": 0.5, "upperleg01.R": 0.5},
    "belly": {"spine03": 1.0},
    "neck": {"neck01": 1.0},
    "nose": {"head": 1.0},
    "head": {"head": 1.0},
}
_ON_THE_HEAD: Final = {"nose": (0.0, 0.045, 0.1), "head": (0.0, 0.15, 0.02)}
"""From the head bone's joint, neutral axes, meters for a neck of `_NECK`; as Human3.6M's markers lie."""
_NECK: Final = 0.11


@cache
def _mixture() -> NDArray[np.float64]:
    """(32, B) weights of the bones' heads in each joint; rows sum to 1.

    Images show people as in a mirror, and sides are those of the image: a joint on the left is of the right bones.
    """
    names = joint_set(POSE_JOINTS).joints
    matrix = np.zeros((len(names), len(BONES)))
    for row, name in enumerate(names):
        side, _, rest = name.partition(" ")
        table = _CENTRAL.get(name) or {f"{one}.{_mirrored(side)}": weight for one, weight in _SIDED[rest].items()}
        for source, weight in table.items():
            matrix[row, bone(source if source in BONES else source.partition(".")[0])] += weight
    return matrix


def _mirrored(side: str) -> str:
    return {"left": "R", "right": "L"}[side]


def human36m_joints(skeleton: Skeleton, pose: Pose) -> NDArray[np.float64]:
    """World positions (N, 32, 3) of the joints of N poses, meters; `h36m32`, sides as the image shows them."""
    joints: NDArray[np.float64] = _mixture() @ pose.heads
    scale = skeleton.length("neck01", "head") / _NECK
    for name, offset in _ON_THE_HEAD.items():
        joints[:, joint_set(POSE_JOINTS).index(name)] += pose.turns[:, bone("head")] @ (scale * np.array(offset))
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
