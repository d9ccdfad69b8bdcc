"""The named joint angles of a motion and their anatomical limits, in degrees.

Zero everywhere is the neutral pose (upright, limbs straight down, palms to the thighs, toes forward). Limits are those
of healthy adults in active motion (American Academy of Orthopaedic Surgeons' ranges, rounded), the trunk's and neck's
being sums over the vertebrae. Shoulders use the plane-of-elevation convention of the International Society of
Biomechanics: how far the upper arm is raised, in which vertical plane, and its turn about itself.
"""

from __future__ import annotations

from typing import NamedTuple

SIDES = ("left", "right")


class Limit(NamedTuple):
    """Range of one angle, degrees."""

    low: float
    high: float


_CENTRAL = {
    "pelvis tilt": Limit(-30, 80),  # forward positive; bending from the hips
    "pelvis list": Limit(-20, 20),  # towards the left positive
    "pelvis turn": Limit(-60, 60),  # to the left positive; relative to the stance, both feet staying
    "spine flex": Limit(-30, 80),
    "spine bend": Limit(-35, 35),
    "spine twist": Limit(-45, 45),
    "neck flex": Limit(-60, 60),
    "neck bend": Limit(-45, 45),
    "neck twist": Limit(-80, 80),
}
_ARM = {
    "shoulder plane": Limit(-60, 150),  # 0 raises to the front, 90 sideways, 150 towards the other side's front is -60
    "shoulder raise": Limit(0, 180),
    "shoulder turn": Limit(-95, 95),  # inwards positive
    "elbow flex": Limit(0, 150),
    "forearm pronation": Limit(-85, 85),  # thumb forward 0; positive turns the palm to the back
    "wrist flex": Limit(-70, 80),  # towards the palm positive
    "wrist deviation": Limit(-35, 25),  # towards the thumb positive
    "fingers curl": Limit(0, 90),
    "thumb curl": Limit(0, 60),
}
_LEG = {
    "hip flex": Limit(-30, 130),
    "hip abduction": Limit(-30, 50),
    "knee flex": Limit(0, 150),
    "ankle flex": Limit(-55, 40),  # toes up positive
}

ARM_ANGLES = tuple(_ARM)
"""The angles of one arm that a motion gives; reaching hands are solved at the performer's own size."""

LEG_ANGLES = tuple(_LEG)
"""The angles of one leg; they follow from the pelvis and the feet."""

GIVEN: tuple[str, ...] = (*_CENTRAL, *(f"{side} {name}" for side in SIDES for name in _ARM))
"""The angles that a motion gives directly, in the order of `Motion.angles`."""

LIMITS: dict[str, Limit] = {
    **_CENTRAL,
    **{f"{side} {name}": limit for side in SIDES for name, limit in (_ARM | _LEG).items()},
}
"""Limits of all angles, given and solved."""
