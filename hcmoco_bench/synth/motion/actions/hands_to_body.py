"""Actions whose point is a hand at a place of one's own body: drinking, phoning, touching, brushing."""

from __future__ import annotations

from collections.abc import Callable

from hcmoco_bench.synth.motion.curves import wave
from hcmoco_bench.synth.motion.draft import Draft


def drink_water(d: Draft) -> None:
    """Lift a cup to the mouth, tip the head back, and lower it."""
    up, tilt = d.during(0.12, 0.9, 0.8), d.during(0.3, 0.75, 0.5)
    d.reach(d.hand, "mouth", up, (0.01, 0.0, 0.07 - 0.02 * tilt), elbow=(0.5, -0.9, 0.3))
    d.blend("fingers curl", 60, up, d.hand)
    d.blend("forearm pronation", d.rng.uniform(0, 25), up, d.hand)
    d.add("neck flex", -18 * d.vigour * tilt)


def eat_meal(d: Draft) -> None:
    """Bring food from before the chest to the mouth a few times."""
    stay = d.during(0.05, 0.97, 0.6)
    rate = d.rng.uniform(0.35, 0.55)
    bite = stay * (0.5 - 0.5 * wave(d.time, rate, 0.25))
    d.reach(d.other, "front", stay, (0.08, -0.12, 0.2))
    d.reach(d.hand, "mouth", bite, (0.01, -0.01, 0.06), elbow=(0.6, -0.9, 0.1))
    d.reach(d.hand, "front", stay * (1 - bite), (0.05, -0.08, 0.22))
    d.add("neck flex", 8 * stay)
    for side in (0, 1):
        d.blend("fingers curl", 60, stay, side)


def brush_teeth(d: Draft) -> None:
    """Hold a brush before the mouth and move it to and fro."""
    up = d.during(0.08, 0.95, 0.7)
    shake = wave(d.time, d.rng.uniform(2.0, 3.2)) * d.during(0.25, 0.8, 0.3)
    d.reach(d.hand, "mouth", up, (0.05 + 0.02 * shake, -0.005 * shake, 0.055), elbow=(1.0, -0.35, 0.2))
    d.blend("fingers curl", 75, up, d.hand)
    d.blend("forearm pronation", 40, up, d.hand)
    d.add("neck flex", 6 * up)


def brush_hair(d: Draft) -> None:
    """Stroke over the hair from the forehead to the nape."""
    up = d.during(0.08, 0.95, 0.8)
    stroke = 0.5 + 0.5 * wave(d.time, d.rng.uniform(0.7, 1.1))
    d.reach(d.hand, "crown", up, (0.05 + 0.02 * stroke, 0.03 - 0.09 * stroke, 0.06 - 0.1 * stroke), elbow=(1, 0.2, 0.3))
    d.blend("fingers curl", 55, up, d.hand)
    d.blend("forearm pronation", 50, up, d.hand)


def phone_call(d: Draft) -> None:
    """Hold a phone to the ear."""
    up = d.during(0.08, 0.98, 1.0)
    d.reach(d.hand, "ear", up, (0.05, -0.045, 0.04), elbow=(0.7, -0.9, 0.1))
    d.blend("fingers curl", 45, up, d.hand)
    d.blend("forearm pronation", 5, up, d.hand)
    d.add("neck bend", (8 if d.hand == 0 else -8) * up)
    if d.rng.uniform() < 0.4:
        d.reach(d.other, "pocket", d.during(0.1, 0.97, 0.9), (0.06, 0.0, 0.03))


def wipe_face(d: Draft) -> None:
    """Wipe over the face with one hand."""
    up = d.during(0.12, 0.9, 0.7)
    rub = wave(d.time, d.rng.uniform(1.2, 1.8))
    d.reach(d.hand, "eye", up, (-0.01 + 0.03 * rub, -0.02 + 0.02 * rub, 0.05), elbow=(0.9, -0.6, 0.3))
    d.blend("fingers curl", 15, up, d.hand)
    d.blend("forearm pronation", 60, up, d.hand)
    d.add("neck flex", 8 * up)


def salute(d: Draft) -> None:
    """Raise a stretched hand to the temple and hold it."""
    up = d.during(0.12, 0.9, 0.75)
    d.reach(d.hand, "forehead", up, (0.07, -0.03, 0.0), elbow=(1.0, -0.15, 0.15))
    d.blend("fingers curl", 2, up, d.hand)
    d.blend("thumb curl", 10, up, d.hand)
    d.blend("forearm pronation", 40, up, d.hand)
    d.blend("spine flex", -4, up)


def headache(d: Draft) -> None:
    """Hold the head with both hands, bent."""
    up = d.during(0.12, 0.92, 0.8)
    for side in (0, 1):
        d.reach(side, "forehead", up, (0.045, 0.01, 0.015), elbow=(0.7, -0.7, 0.4))
        d.blend("forearm pronation", 35, up, side)
    d.add("neck flex", 20 * d.vigour * up)
    d.add("spine flex", 12 * d.vigour * up)


def chest_pain(d: Draft) -> None:
    """Press the hands to the chest and bend."""
    up = d.during(0.12, 0.92, 0.7)
    d.reach(d.hand, "chest", up, (-0.05, 0.02, 0.035), elbow=(0.9, -0.8, -0.1))
    d.reach(d.other, "chest", up, (-0.03, -0.06, 0.045), elbow=(0.9, -0.8, -0.1))
    for side in (0, 1):
        d.blend("forearm pronation", 30, up, side)
    d.add("spine flex", 18 * d.vigour * up)
    d.add("neck flex", 12 * up)


def back_pain(d: Draft) -> None:
    """Support the lower back with the hands and lean back."""
    up = d.during(0.12, 0.92, 0.8)
    for side in (0, 1) if d.rng.uniform() < 0.5 else (d.hand,):
        d.reach(side, "back", up, (0.05, 0.0, -0.05), elbow=(0.9, -0.2, -0.9))
        d.blend("forearm pronation", 60, up, side)
    d.add("spine flex", -10 * d.vigour * up)


def neck_pain(d: Draft) -> None:
    """Rub the nape."""
    up = d.during(0.08, 0.96, 1.1)
    rub = wave(d.time, d.rng.uniform(0.8, 1.3))
    d.reach(d.hand, "nape", up, (0.07 + 0.015 * rub, 0.01, 0.0), elbow=(0.7, -0.5, 0.6))
    d.blend("forearm pronation", 30, up, d.hand)
    d.add("neck flex", 12 * up + 3 * rub * up)
    d.add("neck bend", (6 if d.hand else -6) * up)


def reach_into_pocket(d: Draft) -> None:
    """Put a hand into the trousers' pocket and take it out."""
    down = d.during(0.15, 0.85, 0.7)
    d.reach(d.hand, "pocket", down, (0.055, -0.03, 0.03), elbow=(0.6, -0.3, -0.8))
    d.add("neck flex", 14 * down)
    d.add("neck twist", (10 if d.hand == 0 else -10) * down)
    d.blend("fingers curl", 15, down, d.hand)


def fan_self(d: Draft) -> None:
    """Fan air to the face with a hand."""
    up = d.during(0.1, 0.95, 0.7)
    flap = wave(d.time, d.rng.uniform(1.8, 2.6))
    d.reach(d.hand, "mouth", up, (0.08, -0.04 + 0.01 * flap, 0.15 + 0.035 * flap), elbow=(0.7, -0.9, 0.2))
    d.add("wrist flex", 20 * flap * up, d.hand)
    d.blend("forearm pronation", 55, up, d.hand)


def cough(d: Draft) -> None:
    """Cough into the fist."""
    up = d.during(0.1, 0.92, 0.6)
    jerk = d.during(0.3, 0.75, 0.2) * (0.5 + 0.5 * wave(d.time, d.rng.uniform(1.3, 1.9)))
    d.reach(d.hand, "mouth", up, (0.0, -0.01, 0.06), elbow=(0.8, -0.7, 0.2))
    d.blend("fingers curl", 80, up, d.hand)
    d.add("spine flex", 12 * d.vigour * jerk + 5 * up)
    d.add("neck flex", 10 * d.vigour * jerk)


def check_time(d: Draft) -> None:
    """Lift the wrist and look at the watch."""
    up = d.during(0.15, 0.85, 0.7)
    d.reach(d.other, "front", up, (-0.02, -0.03, 0.22), elbow=(1.0, -0.5, 0.0))
    d.blend("forearm pronation", 75, up, d.other)
    d.add("neck flex", 24 * up)
    d.add("neck twist", (6 if d.other == 0 else -6) * up)


HANDS_TO_BODY: dict[str, Callable[[Draft], None]] = {
    "drink water": drink_water,
    "eat meal": eat_meal,
    "brush teeth": brush_teeth,
    "brush hair": brush_hair,
    "phone call": phone_call,
    "wipe face": wipe_face,
    "salute": salute,
    "headache": headache,
    "chest pain": chest_pain,
    "back pain": back_pain,
    "neck pain": neck_pain,
    "reach into pocket": reach_into_pocket,
    "fan self": fan_self,
    "cough": cough,
    "check time": check_time,
}
"""Actions by NTU's names."""
