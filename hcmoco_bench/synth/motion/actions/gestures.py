"""Actions of arms and head in the air: waving, pointing, clapping, throwing, reading, nodding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hcmoco_bench.synth.motion.curves import through, wave
from hcmoco_bench.synth.motion.draft import Draft


def wave_hand(d: Draft) -> None:
    """Raise a hand beside the head and wave."""
    up = d.during(0.08, 0.94, 0.75)
    swing = wave(d.time, d.rng.uniform(1.2, 2.0)) * d.during(0.22, 0.82, 0.3)
    d.arm(d.hand, forward=20, outwards=55 + 25 * d.vigour, weight=up)
    d.blend("elbow flex", d.rng.uniform(75, 100) + 12 * swing, up, d.hand)
    d.blend("shoulder turn", -70 + 18 * d.vigour * swing, up, d.hand)
    d.blend("forearm pronation", 50, up, d.hand)
    d.blend("fingers curl", 8, up, d.hand)


def point_to_something(d: Draft) -> None:
    """Point at something ahead or to the side."""
    up = d.during(0.15, 0.88, 0.6)
    aside = d.rng.uniform(0, 55)
    level = d.rng.uniform(70, 95)
    d.arm(d.hand, forward=level * np.cos(np.radians(aside)), outwards=level * np.sin(np.radians(aside)), weight=up)
    d.blend("elbow flex", 6, up, d.hand)
    d.blend("shoulder turn", 0, up, d.hand)
    d.blend("forearm pronation", 60, up, d.hand)
    d.blend("fingers curl", 35, up, d.hand)
    d.add("neck twist", (0.5 if d.hand == 0 else -0.5) * aside * up)
    d.add("spine twist", (0.2 if d.hand == 0 else -0.2) * aside * up)


def clap(d: Draft) -> None:
    """Clap before the chest."""
    up = d.during(0.08, 0.95, 0.6)
    gap = 0.5 + 0.5 * wave(d.time, d.rng.uniform(1.6, 2.4))
    for side in (0, 1):
        d.reach(side, "front", up, (0.035 + 0.1 * d.vigour * gap, -0.05, 0.24), elbow=(0.8, -0.9, -0.2))
        d.blend("forearm pronation", 0, up, side)
        d.blend("wrist flex", -38, up, side)
        d.blend("fingers curl", 10, up, side)


def rub_hands(d: Draft) -> None:
    """Rub the palms against each other."""
    up = d.during(0.08, 0.95, 0.6)
    rub = wave(d.time, d.rng.uniform(1.4, 2.2))
    for side, sign in ((0, 1), (1, -1)):
        d.reach(
            side, "front", up, (0.03, -0.09 + 0.02 * sign * rub, 0.22 + 0.025 * sign * rub), elbow=(0.8, -0.9, -0.2)
        )
        d.blend("wrist flex", -32, up, side)
        d.blend("fingers curl", 15, up, side)
    d.add("neck flex", 10 * up)


def put_palms_together(d: Draft) -> None:
    """Hold the palms together before the chest and bow a little."""
    up = d.during(0.12, 0.92, 0.8)
    for side in (0, 1):
        d.reach(side, "front", up, (0.035, 0.02, 0.17), elbow=(1.0, -0.7, -0.1))
        d.blend("forearm pronation", -5, up, side)
        d.blend("wrist flex", -55, up, side)
        d.blend("wrist deviation", 15, up, side)
        d.blend("fingers curl", 2, up, side)
    d.add("neck flex", 12 * d.during(0.35, 0.75, 0.5))


def cross_arms(d: Draft) -> None:
    """Fold the arms before the chest."""
    up = d.during(0.12, 0.96, 0.9)
    d.reach(d.hand, "front", up, (-0.12, -0.13, 0.1), elbow=(0.9, -0.8, 0.3))
    d.reach(d.other, "front", up, (-0.1, -0.08, 0.16), elbow=(0.9, -0.8, 0.3))
    for side in (0, 1):
        d.blend("forearm pronation", 35, up, side)


def cross_hands_in_front(d: Draft) -> None:
    """Cross the forearms in front, as to say stop."""
    up = d.during(0.15, 0.88, 0.5)
    d.reach(d.hand, "front", up, (-0.1, 0.06, 0.33), elbow=(0.9, -0.5, 0.1))
    d.reach(d.other, "front", up, (-0.1, 0.06, 0.26), elbow=(0.9, -0.5, 0.1))
    for side in (0, 1):
        d.blend("fingers curl", 20, up, side)


def cheer_up(d: Draft) -> None:
    """Throw both arms up and shake them."""
    up = d.during(0.1, 0.92, 0.9)
    shake = wave(d.time, d.rng.uniform(1.0, 1.6)) * d.during(0.3, 0.85, 0.3)
    for side in (0, 1):
        d.arm(side, forward=110, outwards=100, weight=up)
        d.blend("elbow flex", 35 + 20 * shake, up, side)
        d.blend("shoulder turn", -40, up, side)
        d.blend("fingers curl", 70, up, side)
    d.add("neck flex", -8 * up)


def stretch(d: Draft) -> None:
    """Stretch the arms up and lean back."""
    up = d.during(0.1, 0.93, 1.0)
    for side in (0, 1):
        d.arm(side, forward=125, outwards=95, weight=up)
        d.blend("elbow flex", 18, up, side)
        d.blend("shoulder turn", -30, up, side)
    d.add("spine flex", -9 * up)
    d.add("neck flex", -12 * up)


def throw(d: Draft) -> None:
    """Draw back the arm, throw forward, follow through."""
    at = 0.5 * d.duration
    keys = (at - 1.0, at - 0.35, at + 0.28, at + 0.55, at + 1.25)
    moved = through(d.time, [(keys[0], 0), (keys[1], 1), (keys[3] + 0.2, 1), (keys[4], 0)])
    forward = through(d.time, [(keys[0], 10), (keys[1], 10), (keys[2], 90), (keys[3], 60)])
    outwards = through(d.time, [(keys[0], 40), (keys[1], 95), (keys[2], 45), (keys[3], 5)])
    d.arm(d.hand, forward=forward, outwards=outwards, weight=moved)
    bent = through(d.time, [(keys[0], 70), (keys[1], 100), (keys[2], 30), (keys[3], 20)])
    d.blend("elbow flex", bent, moved, d.hand)
    turned = through(d.time, [(keys[0], -40), (keys[1], -80), (keys[2], -10), (keys[3], 20)])
    d.blend("shoulder turn", turned, moved, d.hand)
    d.blend("fingers curl", 55, moved, d.hand)
    sign = 1 if d.hand == 0 else -1
    d.add("spine twist", sign * moved * through(d.time, [(keys[0], 0), (keys[1], 22), (keys[3], -15)]))
    d.add("spine flex", 10 * moved * through(d.time, [(keys[1], 0), (keys[3], 1)]))
    d.pelvis[:, 2] += 0.05 * moved * through(d.time, [(keys[0], 0), (keys[1], -1), (keys[3], 1)])
    d.feet[:, d.other, 2] += 0.18
    d.feet[:, d.hand, 2] -= 0.12


def reading(d: Draft) -> None:
    """Hold a book and turn a page."""
    up = d.during(0.05, 0.98, 0.7)
    page = d.during(0.4, 0.65, 0.35)
    for side in (0, 1):
        across = 0.1 - (0.16 * page if side == d.hand else 0)
        d.reach(side, "front", up, (across, -0.1 + (0.05 * page if side == d.hand else 0), 0.27))
        d.blend("forearm pronation", -35, up, side)
        d.blend("fingers curl", 40, up, side)
    d.add("neck flex", 22 * up)


def play_with_phone(d: Draft) -> None:
    """Hold a phone before the chest and type."""
    up = d.during(0.05, 0.98, 0.7)
    typing = wave(d.time, d.rng.uniform(2, 3))
    for side in (0, 1) if d.rng.uniform() < 0.6 else (d.hand,):
        d.reach(side, "front", up, (0.035, -0.08, 0.24))
        d.blend("forearm pronation", -25, up, side)
        d.blend("fingers curl", 50, up, side)
        d.blend("thumb curl", 25 + 12 * typing, up, side)
    d.add("neck flex", 25 * up)


def writing(d: Draft) -> None:
    """Write on a pad held in the other hand."""
    up = d.during(0.05, 0.97, 0.7)
    line = wave(d.time, d.rng.uniform(0.5, 0.8))
    d.reach(d.other, "front", up, (0.02, -0.14, 0.24))
    d.reach(d.hand, "front", up, (0.04 + 0.03 * line, -0.08 + 0.006 * wave(d.time, 3.1), 0.25), elbow=(0.9, -0.7, 0))
    d.blend("fingers curl", 65, up, d.hand)
    d.blend("forearm pronation", 35, up, d.hand)
    d.blend("forearm pronation", -60, up, d.other)
    d.add("neck flex", 24 * up)


def nod_head(d: Draft) -> None:
    """Nod, bowing the head."""
    nod = d.during(0.15, 0.9, 0.4) * (0.5 - 0.5 * wave(d.time, d.rng.uniform(0.7, 1.1), 0.25))
    d.add("neck flex", 32 * d.vigour * nod)
    d.add("spine flex", 5 * nod)


def shake_head(d: Draft) -> None:
    """Shake the head."""
    turn = d.during(0.12, 0.92, 0.4) * wave(d.time, d.rng.uniform(0.9, 1.4))
    d.add("neck twist", 32 * d.vigour * turn)


def reach_out(d: Draft) -> None:
    """Reach for something ahead with both hands, as to take or give it."""
    up = d.during(0.15, 0.88, 0.8)
    height = d.rng.uniform(-0.25, 0.1)
    for side in (0, 1) if d.rng.uniform() < 0.5 else (d.hand,):
        d.reach(side, "front", up, (0.1, height, 0.45), elbow=(0.5, -1, 0))
        d.blend("fingers curl", 30, up, side)
    d.add("spine flex", 8 * up)
    d.pelvis[:, 2] += 0.03 * up


GESTURES: dict[str, Callable[[Draft], None]] = {
    "wave": wave_hand,
    "point to something": point_to_something,
    "clap": clap,
    "rub hands": rub_hands,
    "put palms together": put_palms_together,
    "cross arms": cross_arms,
    "cross hands in front": cross_hands_in_front,
    "cheer up": cheer_up,
    "stretch": stretch,
    "throw": throw,
    "reading": reading,
    "play with phone": play_with_phone,
    "writing": writing,
    "nod head": nod_head,
    "shake head": shake_head,
    "reach out": reach_out,
}
"""Actions by NTU's names."""
