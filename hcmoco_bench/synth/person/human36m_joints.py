"""Human3.6M's 17 joints from the rig, in its order, on the person's true sides.

Where each joint lies:

- `root`: halfway between the hips.
- hips, knees, ankles, shoulders, elbows, wrists: the centers of the anatomical joints, which the rig turns about.
- `belly`: in the spine, a little less than halfway from the root to the neck, as Human3.6M's middle of the spine.
- `neck`: at the base of the neck, between the inner ends of the collar bones and the first bone of the neck.
- `nose`: inside the head, at the height of the nose and halfway between its tip and the joint of skull and neck.
- `head`: the crown.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.synth.person.body_model import BONES, Skeleton, bone

JOINTS: Final = "h36m17"
"""Joint set of the joints."""

_SIDED: Final = {
    "hip": "upperleg01",
    "knee": "lowerleg01",
    "ankle": "foot",
    "shoulder": "upperarm01",
    "elbow": "lowerarm01",
    "wrist": "wrist",
}
CENTRAL: Final = {
    "root": {"upperleg01.L": 0.5, "upperleg01.R": 0.5},
    "belly": {"spine02": 1.0},
    "neck": {"clavicle.L": 0.25, "clavicle.R": 0.25, "neck01": 0.5},
    "nose": {"head": 1.0},
    "head": {"head": 1.0},
}
"""Weights of the bones' heads in each joint of the middle; nose and head lie off theirs by `IN_HEAD`."""

IN_HEAD: Final = {"nose": (0.0, 0.002, 0.065), "head": (0.0, 0.152, 0.01)}
"""From the head bone's joint, neutral axes (left, up, forward), meters, for a head of size 1: means over the bodies of
the generator."""

_TALL: Final = 1.48
"""Meters from the ankles to the head bone of a body whose head has size 1; heads follow the stature, not the neck."""


def head_size(skeleton: Skeleton) -> float:
    """Size of a body's head relative to the mean of the generator's bodies."""
    return float(skeleton.heads[bone("head"), 1] - skeleton.heads[bone("foot.L"), 1]) / _TALL


@cache
def _mixture() -> NDArray[np.float64]:
    """(17, B) weights of the bones' heads in each joint; rows sum to 1."""
    names = joint_set(JOINTS).joints
    matrix = np.zeros((len(names), len(BONES)))
    for row, name in enumerate(names):
        for source, weight in _sources(name).items():
            matrix[row, bone(source)] = weight
    return matrix


def _sources(name: str) -> dict[str, float]:
    if name in CENTRAL:
        return CENTRAL[name]
    side, _, part = name.partition(" ")
    return {f"{_SIDED[part]}.{'L' if side == 'left' else 'R'}": 1.0}


def human36m_joints(skeleton: Skeleton, heads: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """World positions of the joints.

    Args:
        skeleton: The joints of the body's rest shape, for the size of its head.
        heads: (N, B, 3) posed heads of the bones, meters.
        turns: (N, B, 3, 3) world orientations relative to the neutral pose.

    Returns:
        (N, 17, 3) meters, in the order of `h36m17`.
    """
    joints: NDArray[np.float64] = _mixture() @ heads
    size = head_size(skeleton)
    names = joint_set(JOINTS)
    for name, offset in IN_HEAD.items():
        joints[:, names.index(name)] += turns[:, bone("head")] @ (size * np.array(offset))
    return joints
