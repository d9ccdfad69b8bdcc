"""Actions that move the whole body: walking, sitting down, kicking, jumping, bowing, picking up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.synth.motion.curves import drift, minimum_jerk, through, wave, window
from hcmoco_bench.synth.motion.draft import Draft

Floats = NDArray[np.float64]


def stand(d: Draft) -> None:
    """Stand at ease."""


def bow(d: Draft) -> None:
    """Bow from the hips."""
    down = d.during(0.15, 0.85, 0.9)
    deep = d.rng.uniform(0.7, 1.2)
    d.add("pelvis tilt", 28 * deep * down)
    d.add("spine flex", 20 * deep * down)
    d.add("neck flex", 8 * down)
    d.pelvis[:, 2] -= 0.1 * deep * down
    for side in (0, 1):
        d.arm(side, forward=35 * deep, outwards=4, weight=down)


def squat_down(d: Draft) -> None:
    """Squat and rise."""
    down = d.during(0.12, 0.88, 1.0)
    deep = d.rng.uniform(0.4, 0.55)
    d.feet[:, :, 0] += 0.06
    d.foot_turn += 12
    d.pelvis += down[:, None] * np.array([0, -deep, -0.14])
    d.foot_pitch += 18 * down[:, None]
    d.add("pelvis tilt", 28 * down)
    d.add("spine flex", 16 * down)
    d.add("neck flex", -22 * down)
    for side in (0, 1):
        d.arm(side, forward=75, outwards=12, weight=down)
        d.blend("elbow flex", 20, down, side)


def pick_up(d: Draft) -> None:
    """Bend down, take something from the floor, and rise."""
    down = d.during(0.15, 0.8, 0.9)
    squat = d.rng.uniform(0.22, 0.4)
    aside = d.rng.uniform(0.05, 0.2)
    d.feet[:, d.hand, 2] -= 0.12
    d.feet[:, :, 0] += 0.03
    d.pelvis += down[:, None] * np.array([0, -squat, -0.16])
    d.add("pelvis tilt", 48 * down)
    d.add("spine flex", 38 * down)
    d.add("neck flex", -10 * down)
    d.reach(d.hand, "floor", d.during(0.2, 0.75, 0.8), (aside, 0.12, 0.42), elbow=(0.6, 0.2, -0.6))
    d.arm(d.other, forward=72, outwards=10, weight=down)
    d.foot_pitch += 14 * down[:, None]
    grip = d.during(0.42, 1.3, 0.3)
    d.blend("fingers curl", 65, grip, d.hand)


def _sitting(d: Draft, weight: Floats, lean: Floats) -> None:
    height, back = d.rng.uniform(0.42, 0.48), d.rng.uniform(0.4, 0.46)
    d.seat = (0.0, -back, height)
    d.seated = weight
    d.feet[:, :, 2] = d.feet[:, :, 2] * 0.3
    d.add("pelvis tilt", 32 * lean - 4 * weight)
    d.add("spine flex", 22 * lean + 5 * weight)
    d.add("neck flex", -20 * lean)
    knees = d.rng.uniform() < 0.7
    for side in (0, 1):
        d.arm(side, forward=35, outwards=10, weight=lean)
        if knees:
            d.reach(side, "floor", weight * minimum_jerk(2 * weight - 1), (0.14, 0.66, 0.12), elbow=(0.8, -0.6, -0.6))
            d.blend("forearm pronation", 65, weight, side)
        else:
            d.arm(side, forward=20, outwards=8, weight=weight)
            d.blend("elbow flex", 60, weight, side)


def sit_down(d: Draft) -> None:
    """Sit down on a seat behind."""
    start, took = 0.2 * d.duration, min(1.3, 0.5 * d.duration)
    weight = minimum_jerk((d.time - start) / took)
    lean = window(d.time, start - 0.15, start + took + 0.35, 0.6 * took)
    _sitting(d, weight, lean)


def stand_up(d: Draft) -> None:
    """Stand up from a seat."""
    start, took = 0.3 * d.duration, min(1.3, 0.5 * d.duration)
    weight = 1 - minimum_jerk((d.time - start) / took)
    lean = window(d.time, start - 0.4, start + took + 0.15, 0.55 * took)
    _sitting(d, weight, lean)


def kick(d: Draft) -> None:
    """Kick with the dominant side's foot."""
    at, side = 0.5 * d.duration, d.hand
    s = 1 if side == 0 else -1
    shift = window(d.time, at - 0.9, at + 1.1, 0.5)
    size, high = d.vigour, d.rng.uniform(0.2, 0.45)
    path = [(at - 0.75, 0.0), (at - 0.35, -0.32 * size), (at + 0.08, 0.62 * size), (at + 0.3, 0.5 * size)]
    d.feet[:, side, 2] += through(d.time, [*path, (at + 0.85, 0.0)])
    lift = [(at - 0.75, 0.0), (at - 0.35, 0.16), (at + 0.08, high * size), (at + 0.3, 0.8 * high * size)]
    d.feet[:, side, 1] += np.maximum(through(d.time, [*lift, (at + 0.85, 0.0)]), 0)
    d.foot_pitch[:, side] += through(d.time, [(at - 0.75, 0), (at - 0.35, 35), (at + 0.08, -5), (at + 0.85, 0)])
    d.pelvis[:, 0] -= s * 0.1 * shift
    d.pelvis[:, 1] -= 0.025 * shift
    d.pelvis[:, 2] += 0.02 * shift
    lean = through(d.time, [(at - 0.75, 0), (at - 0.35, 1), (at + 0.1, -1), (at + 0.85, 0)])
    d.add("pelvis tilt", 6 * lean)
    d.add("spine flex", 6 * lean + 8 * shift)
    d.add("pelvis turn", 10 * s * lean)
    for arm, sign in ((side, 1), (1 - side, -1)):
        d.arm(arm, forward=sign * 25 * lean, outwards=30, weight=shift)
        d.blend("elbow flex", 45, shift, arm)


def jump_up(d: Draft) -> None:
    """Crouch, jump and land, once or twice."""
    gap = 1.35
    count = max(1, min(int((d.duration - 0.4) / gap), 3))
    first = 0.5 * (d.duration - gap * (count - 1))
    for index in range(count):
        _one_jump(d, first + index * gap, 0.16 * d.vigour, (0, 1))


def hop_one_foot(d: Draft) -> None:
    """Hop on one foot."""
    side = d.other
    s = 1 if d.hand == 0 else -1
    up = d.during(0.06, 0.96, 0.5)
    d.feet[:, d.hand, 1] += 0.3 * up
    d.feet[:, d.hand, 2] -= 0.22 * up
    d.foot_pitch[:, d.hand] += 35 * up
    d.pelvis[:, 0] -= s * 0.125 * up
    d.pelvis[:, 1] -= 0.02 * up
    for arm in (0, 1):
        d.arm(arm, forward=10, outwards=32, weight=up)
        d.blend("elbow flex", 55, up, arm)
    gap = d.rng.uniform(0.75, 0.95)
    at = 0.06 * d.duration + 0.9
    while at < 0.96 * d.duration - 0.9:
        _one_jump(d, at, 0.07 * d.vigour, (side,))
        at += gap


def _one_jump(d: Draft, at: float, height: float, feet: tuple[int, ...]) -> None:
    """Crouch before `at`, fly around it, absorb after; heights in leg lengths, an ordinary parabola."""
    flight = 2 * np.sqrt(2 * height * 0.85 / 9.81)  # s; legs are about 0.85 m
    share = np.clip((d.time - at) / flight, -0.5, 0.5)
    air = height * (1 - 4 * share**2)
    takeoff, landing = at - flight / 2, at + flight / 2
    both = len(feet) == 2
    crouch = (0.2 if both else 0.06) * window(
        d.time, takeoff - 0.55 if both else takeoff - 0.25, takeoff + 0.02, 0.3, 0.22
    )
    absorb = (0.15 if both else 0.06) * window(d.time, landing - 0.03, landing + (0.6 if both else 0.25), 0.14, 0.4)
    d.pelvis[:, 1] += air - crouch - absorb
    d.pelvis[:, 2] -= 0.35 * (crouch + absorb)
    pointed = window(d.time, takeoff - 0.12, landing + 0.1, 0.14, 0.14)
    for foot in feet:
        d.feet[:, foot, 1] += air * 1.02
        d.foot_pitch[:, foot] += 38 * pointed
    d.add("pelvis tilt", 110 * crouch + 90 * absorb)
    d.add("spine flex", 60 * (crouch + absorb))
    d.add("neck flex", -50 * (crouch + absorb))
    if both:
        swing = through(d.time, [(takeoff - 0.7, 0), (takeoff - 0.3, -20), (takeoff + 0.25, 42), (landing + 0.6, 0)])
        swung = window(d.time, takeoff - 0.7, landing + 0.7, 0.4)
        for arm in (0, 1):
            d.arm(arm, forward=swing, outwards=12, weight=swung)
            d.blend("elbow flex", 40, swung, arm)
    d.airborne |= np.abs(d.time - at) < flight / 2


def _steps(d: Draft, speed: float, length: float, lateral: Floats | float = 0.0) -> Floats:
    """Walk along z at `speed` with steps of `length`, both in leg lengths; returns the phase of the left leg's cycle.

    A cycle is a swing (0 to 0.4) and a stance; in the middle of both the body is over or beside that foot.
    """
    cycle = 2 * length / speed
    phase = d.time / cycle + d.rng.uniform()
    swing = 0.4
    for side in (0, 1):
        own = phase + 0.5 * side
        whole = np.floor(own)
        part = own - whole
        lifted = np.clip(part / swing, 0, 1)
        moved = whole + minimum_jerk(lifted)
        d.feet[:, side, 2] = 2 * length * (moved - 0.3 - 0.5 * side - phase.mean())
        d.feet[:, side, 1] += 0.09 * np.sin(np.pi * lifted) ** 2
        push = np.where(part > 0.86, minimum_jerk((part - 0.86) / 0.14), 1 - minimum_jerk(part / 0.16))
        strike = window(part, 0.26, 0.5, 0.12, 0.08)
        d.foot_pitch[:, side] += 24 * push - 14 * strike
    d.pelvis[:, 2] += 2 * length * (phase - phase.mean())
    d.pelvis[:, 0] += 0.025 * np.sin(2 * np.pi * (phase - 0.45)) + lateral
    d.pelvis[:, 1] += -0.035 + 0.018 * np.cos(4 * np.pi * (phase - 0.2))
    d.feet[:, :, 0] -= 0.035
    return phase


def walk(d: Draft) -> None:
    """Walk ahead, through the middle of the path halfway."""
    phase = _steps(d, d.rng.uniform(0.95, 1.28), d.rng.uniform(0.62, 0.74))
    turn = np.cos(2 * np.pi * (phase - 0.45))  # 1 when the left foot is ahead
    d.add("pelvis turn", -7 * turn)
    d.add("spine twist", 10 * turn)
    d.add("spine flex", 3)
    for side, sign in ((0, -1), (1, 1)):
        swing = 24 * d.vigour * sign * turn + 4
        d.arm(side, forward=swing, outwards=5)
        d.blend("elbow flex", 22 + 0.35 * swing, 1, side)


def stagger(d: Draft) -> None:
    """Stagger ahead with unsteady steps."""
    sway = drift(d.time, d.rng, 0.3, 0.7)
    phase = _steps(d, d.rng.uniform(0.45, 0.6), d.rng.uniform(0.32, 0.42), 0.03 * sway)
    d.feet[:, :, 0] += 0.07
    d.add("pelvis list", 3 * sway)
    d.add("spine bend", 7 * sway)
    d.add("spine flex", 12 + 6 * drift(d.time, d.rng, 0.3, 0.7))
    d.add("neck flex", 10 + 6 * drift(d.time, d.rng, 0.2, 0.6))
    d.add("pelvis turn", -5 * np.cos(2 * np.pi * (phase - 0.45)))
    for side in (0, 1):
        d.arm(side, forward=12 + 10 * drift(d.time, d.rng, 0.3, 0.8), outwards=22 + 8 * sway)
        d.blend("elbow flex", 35, 1, side)


def side_bend(d: Draft) -> None:
    """Bend to the sides with the hands on the hips."""
    up = d.during(0.08, 0.95, 0.7)
    bend = up * wave(d.time, d.rng.uniform(0.3, 0.45))
    d.feet[:, :, 0] += 0.08
    d.add("spine bend", 24 * d.vigour * bend)
    d.add("pelvis list", 5 * bend)
    d.pelvis[:, 0] -= 0.04 * bend
    for side in (0, 1):
        d.reach(side, "pocket", up, (0.05, 0.1, 0.03), elbow=(1.0, -0.2, -0.4))
        d.blend("forearm pronation", 30, up, side)


WHOLE_BODY: dict[str, Callable[[Draft], None]] = {
    "stand": stand,
    "bow": bow,
    "squat down": squat_down,
    "pick up": pick_up,
    "sit down": sit_down,
    "stand up": stand_up,
    "kick something": kick,
    "jump up": jump_up,
    "hop on one foot": hop_one_foot,
    "walk": walk,
    "stagger": stagger,
    "side bend": side_bend,
}
"""Actions by NTU's names, and the few that it has no name for."""
