"""Knees and elbows: how far they are flexed, and whether a person's could bend that way.

A knee or elbow is a hinge, and the limb above it can turn about itself only so far. The shortest rotation that brings
the hanging limb to where it is leaves one angle free, that turn; it is read off the direction in which the hinge bends.
Shins fold backward and forearms forward when the turn is 0. A turn that no hip or shoulder allows means that the hinge
bends the wrong way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.body.anatomy import LIMITS, SIDES
from hcmoco_bench.body_models.rotation_matrices import frame, swing, unit
from hcmoco_bench.priors.skeleton_prior import JOINTS

Floats = NDArray[np.float64]

HINGES: Final = tuple(f"{side} {hinge}" for hinge in ("knee", "elbow") for side in SIDES)
"""The hinges, in the order of the columns of `Hinges`."""

MOST_FLEXED: Final = LIMITS["left knee flex"].high
"""Degrees to which knees and elbows flex at most."""

MOST_TURNED: Final = {"knee": 110.0, "elbow": 135.0}
"""Degrees of turn from which a hinge bends the wrong way: the ranges of hips and shoulders (45 and 95) with the
uncertainty of a trunk that is known by three points."""

_CHAINS: Final = {"knee": ("hip", "knee", "ankle"), "elbow": ("shoulder", "elbow", "wrist")}
_FOLDS: Final = {"knee": -1.0, "elbow": 1.0}
"""Whether the lower limb folds backward or forward."""

_STRAIGHT: Final = 20.0
"""Degrees of flexion below which the direction of the bend says nothing."""

_OVERHEAD: Final = 150.0
"""Degrees from hanging from which the shortest rotation is not well defined."""

_DOWN: Final = np.array([0.0, -1.0, 0.0])
"""Of a hanging limb, in axes of the trunk: left, up, front."""


@dataclass(frozen=True, eq=False)
class Hinges:
    """Flexion and turn of the four hinges of N skeletons, in the order of `HINGES`.

    Attributes:
        flexion: (N, 4) degrees; 0 is straight.
        turn: (N, 4) degrees of the limb above about itself, -180 to 180; nan where the hinge is nearly straight or the
            limb points overhead.
    """

    flexion: Floats
    turn: Floats

    @property
    def known(self) -> NDArray[np.bool_]:
        """(N, 4) where the turn is known."""
        return np.isfinite(self.turn)

    @property
    def wrong_way(self) -> NDArray[np.bool_]:
        """(N, 4) where the hinge bends the wrong way; False where that is not known."""
        most = np.array([MOST_TURNED[name.split()[1]] for name in HINGES])
        return np.asarray(np.abs(np.where(self.known, self.turn, 0.0)) > most)


def hinges(joints: NDArray[np.floating]) -> Hinges:
    """Measure the knees and elbows.

    Args:
        joints: (N, 17, 3) in the order of `h36m17`; any right-handed axes, as the camera's x right, y down, z forward.
    """
    wide = joints.astype(np.float64)
    names = joint_set(JOINTS)

    def at(name: str) -> Floats:
        place: Floats = wide[:, names.index(name)]
        return place

    trunks = {
        "knee": frame(at("left hip") - at("right hip"), at("belly") - at("root")),
        "elbow": frame(at("left shoulder") - at("right shoulder"), at("neck") - at("belly")),
    }
    flexion, turn = np.empty((len(wide), len(HINGES))), np.empty((len(wide), len(HINGES)))
    for column, hinge in enumerate(HINGES):
        side, kind = hinge.split()
        start, middle, end = (at(f"{side} {part}") for part in _CHAINS[kind])
        upper, lower = unit(middle - start), unit(end - middle)
        flexion[:, column] = np.degrees(np.arccos(np.clip((upper * lower).sum(-1), -1, 1)))
        turn[:, column] = _turn(np.swapaxes(trunks[kind], -1, -2), upper, lower, _FOLDS[kind])
    turn[flexion < _STRAIGHT] = np.nan
    return Hinges(flexion, turn)


def _turn(to_trunk: Floats, upper: Floats, lower: Floats, fold: float) -> Floats:
    """(N,) degrees by which limbs are turned about themselves."""
    local = (to_trunk @ upper[..., None])[..., 0]
    overhead = np.degrees(np.arccos(np.clip(local @ _DOWN, -1, 1))) > _OVERHEAD
    # A limb straight up has no shortest rotation; its turn is not known in any case.
    swung = swing(_DOWN, np.where(overhead[:, None], _DOWN, local))
    bent = fold * (np.swapaxes(swung, -1, -2) @ (to_trunk @ lower[..., None]))[..., 0]
    return np.where(overhead, np.nan, np.degrees(np.arctan2(bent[:, 0], bent[:, 2])))
