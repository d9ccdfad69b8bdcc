"""Whether skeletons can be a person's: numbers, root, lengths of bones."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.priors.skeleton_prior import JOINTS

Floats = NDArray[np.float64]

ROOT_TOLERANCE: Final = 1e-5
"""How far the root may be from the origin, in the unit of the joints."""

BONE_SHARE: Final = (0.004, 0.3)
"""Shares of the length of all 16 bones that one bone may have. Of adults, hips have 3 % and shins 11 %."""

TOTAL_METERS: Final = (0.8, 8.0)
"""Length of all 16 bones together, from a small child's to a giant's; an adult has 4 m."""


@cache
def bone_ends() -> NDArray[np.intp]:
    """(16, 2) joints at the start and the end of each bone, in the order of the joint set's edges."""
    return np.array(joint_set(JOINTS).edges, np.intp)


def bone_lengths(joints: NDArray[np.floating]) -> Floats:
    """Lengths of the bones.

    Args:
        joints: (N, 17, 3), any unit.

    Returns:
        (N, 16) float64 in the same unit, in the order of the edges of `h36m17`.
    """
    start, end = bone_ends().T
    wide = joints.astype(np.float64)
    return np.asarray(np.linalg.norm(wide[:, end] - wide[:, start], axis=-1))


def skeleton_faults(joints: NDArray[np.floating], *, metric: bool) -> list[str | None]:
    """What is wrong with each skeleton, in a phrase, or None.

    Args:
        joints: (N, 17, 3), the root at the origin.
        metric: Whether the numbers are meters.

    Returns:
        N phrases; the first fault of each skeleton.
    """
    faults: list[str | None] = [None] * len(joints)
    wide = joints.astype(np.float64)
    finite = np.asarray(np.isfinite(wide).all((1, 2)))
    safe = np.where(finite[:, None, None], wide, 0.0)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        away = np.abs(safe[:, 0]).max(1)
        bones = bone_lengths(safe)
        total = bones.sum(1)
        share = bones / total[:, None]
    low, high = BONE_SHARE
    odd = np.asarray(~((share >= low) & (share <= high)))
    wrong_size = ~((total >= TOTAL_METERS[0]) & (total <= TOTAL_METERS[1])) if metric else ~(total > 0)
    names = joint_set(JOINTS).joints
    for row in np.flatnonzero(~finite | (away > ROOT_TOLERANCE) | odd.any(1) | wrong_size).tolist():
        if not finite[row]:
            faults[row] = "a number is not finite"
        elif away[row] > ROOT_TOLERANCE:
            faults[row] = f"the root is {away[row]:.3g} from the origin"
        elif wrong_size[row]:
            faults[row] = f"all bones together are {total[row]:.3g}{' m' if metric else ''} long"
        else:
            bone = int(odd[row].argmax())
            start, end = bone_ends()[bone]
            faults[row] = (
                f"the bone from {names[start]} to {names[end]} has {100 * share[row, bone]:.3g} % of all bones"
            )
    return faults
