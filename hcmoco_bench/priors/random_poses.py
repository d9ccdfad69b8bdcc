"""Poses at random within anatomical limits: each frame of the motion is somebody else's moment.

Acted motions cover what people usually do; these poses cover how far they could. Angles that a motion gives are drawn
about a relaxed posture and cut at their limits. The legs are drawn as places of pelvis and feet, from which their
angles are solved; poses whose legs would leave the limits are for the caller to drop (`within_limits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.anatomy import GIVEN, LIMITS, SIDES
from hcmoco_bench.synth.motion.motion_types import Motion
from hcmoco_bench.synth.motion.posing import Pose

Floats = NDArray[np.float64]
Posture = Literal["upright", "chair", "floor", "crouch"]

POSTURES: Final[tuple[Posture, ...]] = ("upright", "chair", "floor", "crouch")
"""Where pelvis and feet are; in all but the first, thighs are bent."""

_TRUNK: Final = {
    "pelvis tilt": (8.0, 14.0),
    "pelvis list": (0.0, 6.0),
    "pelvis turn": (0.0, 12.0),
    "spine flex": (10.0, 15.0),
    "spine bend": (0.0, 9.0),
    "spine twist": (0.0, 14.0),
    "neck flex": (5.0, 16.0),
    "neck bend": (0.0, 9.0),
    "neck twist": (0.0, 25.0),
}
"""Mean and deviation of the angles that are normal about a relaxed posture, degrees."""

_ARM: Final = {
    "shoulder plane": (50.0, 45.0),
    "shoulder turn": (10.0, 35.0),
    "forearm pronation": (20.0, 35.0),
}

_RAISE: Final = (1.1, 2.2)
"""Beta distribution of the share of the limit to which arms are raised: most hang, some point up."""

_ELBOW: Final = (1.2, 1.6)
"""Beta distribution of the share of the limit to which elbows are flexed."""

_FLOOR_TOLERANCE: Final = 0.05
"""Meters by which a joint may be below the floor; soft bodies and shoes take that much."""

_ANGLE_TOLERANCE: Final = 1e-6
"""Degrees; for angles that were cut at a limit and went through radians and back."""


def random_motion(rng: np.random.Generator, postures: Mapping[Posture, int]) -> Motion:
    """Draw poses that have nothing to do with each other.

    Args:
        rng: Draws everything.
        postures: Where pelvis and feet are, and in how many poses; the frames of the result, in this order.
    """
    count = sum(postures.values())
    angles = _given_angles(rng, count)
    places = [_PLACES[posture](rng, number) for posture, number in postures.items()]
    pelvis, feet, turn, pitch = (np.concatenate(column) for column in zip(*places, strict=True))
    return Motion(
        action="random poses",
        position=(0.0, 0.0),
        yaw=0.0,
        pelvis=pelvis,
        feet=feet,
        foot_turn=turn,
        foot_pitch=pitch,
        angles=np.stack([angles[name] for name in GIVEN], -1),
        reaches=(),
        airborne=np.zeros(count, np.bool_),
        seated=np.zeros(count),
    )


def within_limits(pose: Pose) -> NDArray[np.bool_]:
    """(N,) whether all angles, given and solved, are within `anatomy.LIMITS`, and no bone is below the floor."""
    good = pose.heads[..., 1].min(1) >= -_FLOOR_TOLERANCE
    for name, angle in pose.angles.items():
        low, high = LIMITS[name]
        good &= (angle >= low - _ANGLE_TOLERANCE) & (angle <= high + _ANGLE_TOLERANCE)
    return np.asarray(good)


def _given_angles(rng: np.random.Generator, count: int) -> dict[str, Floats]:
    angles = {name: np.zeros(count) for name in GIVEN}
    for name, (mean, spread) in _TRUNK.items():
        angles[name] = _normal(rng, name, mean, spread, count)
    for side in SIDES:
        for word, (mean, spread) in _ARM.items():
            angles[f"{side} {word}"] = _normal(rng, f"{side} {word}", mean, spread, count)
        for word, (a, b) in (("shoulder raise", _RAISE), ("elbow flex", _ELBOW)):
            low, high = LIMITS[f"{side} {word}"]
            angles[f"{side} {word}"] = low + (high - low) * rng.beta(a, b, count)
    return angles


def _normal(rng: np.random.Generator, name: str, mean: float, spread: float, count: int) -> Floats:
    return np.clip(rng.normal(mean, spread, count), *LIMITS[name])


def _stack(outwards: Floats, up: Floats, forward: Floats) -> Floats:
    """(N, 2, 3) displacements of both feet of their (N, 2) components."""
    return np.stack([outwards, up, forward], -1)


_Places = tuple[Floats, Floats, Floats, Floats]
"""Pelvis (N, 3) and feet (N, 2, 3) in leg lengths, feet's turn and pitch (N, 2) in degrees; see `Motion`."""


def _upright(rng: np.random.Generator, count: int) -> _Places:
    """Stand, stride, lunge or stand on one leg."""
    pelvis = rng.normal(0, 1, (count, 3)) * [0.05, 0.0, 0.06]
    pelvis[:, 1] = -0.3 * rng.beta(1.0, 3.0, count)
    lifted = (rng.uniform(size=count) < 0.3)[:, None] & (np.arange(2) == rng.integers(0, 2, (count, 1)))
    up = np.where(lifted, rng.uniform(0.05, 0.55, (count, 2)), 0.0)
    feet = _stack(rng.normal(0.08, 0.12, (count, 2)).clip(-0.1), up, rng.normal(0, 0.25, (count, 2)))
    pitch = np.where(lifted, rng.uniform(-5, 35, (count, 2)), rng.uniform(0, 12, (count, 2)))
    return pelvis, feet, rng.normal(10, 9, (count, 2)), pitch


def _low(
    rng: np.random.Generator,
    count: int,
    drop: tuple[float, float],
    ahead: tuple[float, float],
    aside: float,
    foot_pitch: tuple[float, float],
) -> _Places:
    pelvis = rng.normal(0, 1, (count, 3)) * [0.04, 0.0, 0.04]
    pelvis[:, 1] = -rng.uniform(*drop, count)
    both = rng.uniform(*ahead, (count, 1)) + rng.normal(0, 0.08, (count, 2))
    feet = _stack(rng.normal(aside, 0.1, (count, 2)).clip(-0.08), np.zeros((count, 2)), both)
    return pelvis, feet, rng.normal(12, 9, (count, 2)), rng.uniform(*foot_pitch, (count, 2))


def _chair(rng: np.random.Generator, count: int) -> _Places:
    return _low(rng, count, (0.38, 0.55), (0.25, 0.7), 0.06, (-5, 15))


def _floor(rng: np.random.Generator, count: int) -> _Places:
    return _low(rng, count, (0.78, 0.95), (0.35, 0.92), 0.1, (-30, 5))


def _crouch(rng: np.random.Generator, count: int) -> _Places:
    return _low(rng, count, (0.4, 0.72), (0.0, 0.25), 0.12, (0, 30))


_PLACES: Final = {"upright": _upright, "chair": _chair, "floor": _floor, "crouch": _crouch}
