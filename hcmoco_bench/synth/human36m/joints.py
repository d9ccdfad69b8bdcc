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
from hcmoco_bench.synth.person.human36m_joints import CENTRAL, IN_HEAD, head_size

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
_CENTRAL: Final = CENTRAL | {name: CENTRAL[other] for name, other in _REPEATED.items()}


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
    size = head_size(skeleton)
    for name, offset in IN_HEAD.items():
        joints[:, joint_set(POSE_JOINTS).index(name)] += pose.turns[:, bone("head")] @ (size * np.array(offset))
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
