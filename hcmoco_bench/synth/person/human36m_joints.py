"""Human3.6M's 17 joints from the rig alone, in its order, on the person's true sides.

Where each joint lies is defined once, in `body_models.joint_regressors`. It names two points of the skin as well, the
crown and the tip of the nose. Here they are rigid points of the head, so that a skeleton without a mesh has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body_models.anny_rig import BONES, Skeleton, bone
from hcmoco_bench.body_models.joint_regressors import CROWN, NOSE_TIP, joint_places

JOINTS: Final = "h36m17"
"""Joint set of the joints."""

_ON_THE_HEAD: Final = {NOSE_TIP: (0.0, 0.002, 0.122), CROWN: (0.0, 0.152, 0.01)}
"""From the head bone's joint, neutral axes (left, up, forward), meters, for a head of size 1: means over the bodies of
the generator, whose own points are within 2 cm."""

_TALL: Final = 1.48
"""Meters from the ankles to the head bone of a body whose head has size 1; heads follow the stature, not the neck."""


def head_size(skeleton: Skeleton) -> float:
    """Size of a body's head relative to the mean of the generator's bodies."""
    return float(skeleton.heads[bone("head"), 1] - skeleton.heads[bone("foot.L"), 1]) / _TALL


def on_the_rig(place: Mapping[str, float]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A mixture of bones' heads and points of the head, on the rig.

    Args:
        place: Weights, with sum 1, by bone or point, as in `joint_places`.

    Returns:
        (B,) weights of the bones' heads with sum 1, and (3,) what is added in the axes of the head bone, meters, for
        a head of size 1.
    """
    weights, offset = np.zeros(len(BONES)), np.zeros(3)
    for name, weight in place.items():
        weights[bone("head" if name in _ON_THE_HEAD else name)] += weight
        offset += weight * np.array(_ON_THE_HEAD.get(name, (0.0, 0.0, 0.0)))
    return weights, offset


@cache
def _mixture() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(17, B) weights and (17, 3) offsets of the joints."""
    rows = [on_the_rig(place) for place in joint_places(JOINTS)]
    return np.stack([weights for weights, _ in rows]), np.stack([offset for _, offset in rows])


def human36m_joints(skeleton: Skeleton, heads: NDArray[np.float64], turns: NDArray[np.float64]) -> NDArray[np.float64]:
    """World positions of the joints.

    Args:
        skeleton: The joints of the body's rest shape, for the size of its head.
        heads: (N, B, 3) posed heads of the bones, meters.
        turns: (N, B, 3, 3) world orientations relative to the neutral pose.

    Returns:
        (N, 17, 3) meters, in the order of `h36m17`.
    """
    weights, offsets = _mixture()
    beside = turns[:, bone("head")] @ (head_size(skeleton) * offsets.T)
    joints: NDArray[np.float64] = weights @ heads + np.swapaxes(beside, -1, -2)
    return joints
