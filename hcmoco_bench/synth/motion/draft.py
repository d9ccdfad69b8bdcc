"""A motion in the making: starts as somebody standing at ease, and actions write into it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.body.anatomy import GIVEN, SIDES
from hcmoco_bench.synth.motion.curves import drift, wave, window
from hcmoco_bench.synth.motion.motion_types import Motion, Place, Reach

Floats = NDArray[np.float64]


@dataclass
class Draft:
    """Arrays of N frames; see `Motion` for their meaning and units.

    Attributes:
        rng: Draws everything that varies.
        time: (N,) seconds since the action's beginning.
        duration: Seconds that the whole action takes; `time` may be a part of it.
        hand: Dominant side, 0 left, 1 right.
        vigour: Size of the movements, about 1.
    """

    rng: np.random.Generator
    time: Floats
    duration: float
    hand: int
    vigour: float
    angles: dict[str, Floats] = field(init=False)
    pelvis: Floats = field(init=False)
    feet: Floats = field(init=False)
    foot_turn: Floats = field(init=False)
    foot_pitch: Floats = field(init=False)
    airborne: NDArray[np.bool_] = field(init=False)
    seated: Floats = field(init=False)
    seat: tuple[float, float, float] | None = field(init=False, default=None)
    reaches: list[Reach] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        rng, count = self.rng, len(self.time)
        self.angles = {name: np.zeros(count) for name in GIVEN}
        self.pelvis, self.feet = np.zeros((count, 3)), np.zeros((count, 2, 3))
        self.foot_turn = np.full((count, 2), 1.0) * rng.uniform(3, 14, 2)
        self.foot_pitch = np.zeros((count, 2))
        self.airborne, self.seated = np.zeros(count, np.bool_), np.zeros(count)
        self.feet[:, :, 0] += rng.uniform(-0.05, 0.04)
        self.feet[:, :, 2] += rng.normal(0, 0.03, 2)
        self._stand_at_ease()

    @property
    def other(self) -> int:
        """The side that is not dominant."""
        return 1 - self.hand

    def _stand_at_ease(self) -> None:
        rng, time = self.rng, self.time
        self.pelvis[:, 0] += 0.012 * drift(time, rng) + rng.normal(0, 0.012)
        self.pelvis[:, 2] += 0.008 * drift(time, rng) + rng.normal(0, 0.01)
        breath = wave(time, rng.uniform(0.2, 0.3), rng.uniform())
        self.add("spine flex", rng.normal(3, 4) + 0.7 * breath + 0.8 * drift(time, rng))
        self.add("neck flex", rng.normal(5, 5) + 1.5 * drift(time, rng))
        self.add("neck twist", rng.normal(0, 5) + 3 * drift(time, rng, 0.05, 0.3))
        self.add("spine bend", rng.normal(0, 1) + 0.6 * drift(time, rng))
        self.add("pelvis turn", rng.normal(0, 3) + 0.8 * drift(time, rng))
        for side in (0, 1):
            self.arm(side, forward=rng.normal(4, 4) + drift(time, rng), outwards=rng.uniform(0.5, 5))
            self.add("elbow flex", rng.uniform(8, 25) + drift(time, rng), side)
            self.add("forearm pronation", rng.uniform(0, 45), side)
            self.add("shoulder turn", rng.uniform(0, 20), side)
            self.add("fingers curl", rng.uniform(15, 40), side)
            self.add("thumb curl", rng.uniform(5, 25), side)
            self.add("wrist flex", rng.uniform(-5, 12), side)

    def add(self, name: str, value: ArrayLike, side: int | None = None) -> None:
        """Add degrees to an angle; `side` for the angles of an arm."""
        self.angles[name if side is None else f"{SIDES[side]} {name}"] += np.asarray(value, np.float64)

    def blend(self, name: str, value: ArrayLike, weight: ArrayLike, side: int | None = None) -> None:
        """Move an angle towards `value` by `weight` 0..1."""
        key = name if side is None else f"{SIDES[side]} {name}"
        self.angles[key] += np.asarray(weight, np.float64) * (np.asarray(value, np.float64) - self.angles[key])

    def arm(self, side: int, forward: ArrayLike, outwards: ArrayLike, weight: ArrayLike = 1.0) -> None:
        """Move an upper arm towards a direction: degrees forward (back negative) and outwards from hanging."""
        plane, raised = f"{SIDES[side]} shoulder plane", f"{SIDES[side]} shoulder raise"
        now, turned = self.angles[raised], np.radians(self.angles[plane])
        ahead, out = now * np.cos(turned), now * np.sin(turned)
        share = np.asarray(weight, np.float64)
        ahead = ahead + share * (np.asarray(forward, np.float64) - ahead)
        out = np.maximum(out + share * (np.asarray(outwards, np.float64) - out), 0.5)
        self.angles[raised], self.angles[plane] = np.hypot(ahead, out), np.degrees(np.arctan2(out, ahead))

    def reach(
        self,
        side: int,
        place: Place,
        weight: Floats,
        offset: tuple[ArrayLike, ArrayLike, ArrayLike] = (0.0, 0.0, 0.0),
        elbow: tuple[float, float, float] = (0.5, -1.0, -0.3),
    ) -> None:
        """Let a hand reach for a place; the components of `offset` may vary in time."""
        columns = [np.broadcast_to(np.asarray(value, np.float64), self.time.shape) for value in offset]
        self.reaches.append(Reach(side, place, np.stack(columns, -1), weight, elbow))

    def during(self, start: float, end: float, rise: float = 0.7) -> Floats:
        """A window from `start` to `end` in shares of the duration, `rise` seconds to come and go."""
        length = (end - start) * self.duration
        return window(self.time, start * self.duration, end * self.duration, min(rise, 0.45 * length))

    def finish(self, action: str, position: tuple[float, float], yaw: float) -> Motion:
        """The motion, placed on the floor."""
        seat = self.seat
        if seat is not None:
            sine, cosine = np.sin(yaw), np.cos(yaw)
            x, z, height = seat
            seat = (position[0] + cosine * x + sine * z, position[1] - sine * x + cosine * z, height)
        angles = np.stack([self.angles[name] for name in GIVEN], -1)
        return Motion(
            action,
            position,
            yaw,
            self.pelvis,
            self.feet,
            self.foot_turn,
            self.foot_pitch,
            angles,
            tuple(self.reaches),
            self.airborne,
            self.seated,
            seat,
        )
