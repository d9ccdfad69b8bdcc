"""What a motion is: where pelvis and feet go, joint angles over time, and what the hands reach for.

Motions are independent of who performs them: lengths are in lengths of the performer's leg, hands reach for places
of the performer's own body. `motion.sample_motion` draws one; `posing.solve` turns it into a body's pose.

The motion's frame stands on the floor at `position`, x to the performer's left, y up, z to where they face; `yaw` is
its turn about the world's y axis, 0 facing world +z, positive turning towards world +x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Place = Literal["mouth", "ear", "eye", "forehead", "crown", "nape", "chest", "back", "pocket", "front", "floor"]
"""What a hand can reach for: places of the body on the hand's own side (`front` is a point
of the chest's frame measured from the breastbone, `floor` is a point of the motion's frame in leg lengths)."""


@dataclass(frozen=True)
class Reach:
    """One hand's way to a place and back.

    Attributes:
        side: 0 left, 1 right.
        place: What is reached for.
        offset: (N, 3) from that place, meters for a person of 1.75 m (leg lengths for `floor`); x is outwards on the
            hand's side, y up, z forward.
        weight: (N,) 0 = the arm follows its angles, 1 = the palm is at the place.
        elbow: Where the elbow points meanwhile: (outwards, up, forward).
    """

    side: int
    place: Place
    offset: NDArray[np.float64]
    weight: NDArray[np.float64]
    elbow: tuple[float, float, float] = (0.5, -1.0, -0.3)


@dataclass(frozen=True)
class Motion:
    """N frames of one performer's motion, 30 frames a second.

    Attributes:
        action: Name of the action, one of `ACTIONS`.
        position: (x, z) world floor point, meters.
        yaw: Radians.
        pelvis: (N, 3) displacement of the pelvis from standing: left, up, forward; leg lengths.
        feet: (N, 2, 3) displacement of the left and right foot's sole from standing: outwards, up, forward; leg
            lengths.
        foot_turn: (N, 2) toes outwards, degrees.
        foot_pitch: (N, 2) heel up positive (about the ball), toes up negative (about the heel), degrees.
        angles: (N, A) degrees, in the order of `anatomy.GIVEN`.
        reaches: What the hands reach for.
        airborne: (N,) True where both feet are off the floor.
        seated: (N,) 0 = on the feet, 1 = the pelvis rests on the seat.
        seat: (x, z, height) of the seat's center in the world, meters, where the action needs one. The seat is about
            0.4 m deep and faces as the performer does.
    """

    action: str
    position: tuple[float, float]
    yaw: float
    pelvis: NDArray[np.float64]
    feet: NDArray[np.float64]
    foot_turn: NDArray[np.float64]
    foot_pitch: NDArray[np.float64]
    angles: NDArray[np.float64]
    reaches: tuple[Reach, ...]
    airborne: NDArray[np.bool_]
    seated: NDArray[np.float64]
    seat: tuple[float, float, float] | None = None

    def __len__(self) -> int:
        return len(self.pelvis)
