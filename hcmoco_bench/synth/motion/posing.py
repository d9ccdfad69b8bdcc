"""From a motion to one body's pose: planted feet, reaching hands and joint angles within limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.anatomy import GIVEN, LIMITS, SIDES
from hcmoco_bench.body_models.anny_rig import BONES, Skeleton, bone
from hcmoco_bench.body_models.rotation_matrices import about, frame, twist_angle, unit
from hcmoco_bench.synth.motion.motion_types import Motion, Reach
from hcmoco_bench.synth.person.landmarks import Landmarks

Floats = NDArray[np.float64]

_DOWN, _LEFT, _UP, _FRONT = -np.eye(3)[1], np.eye(3)[0], np.eye(3)[1], np.eye(3)[2]
_SPINE = {"spine05": 0.1, "spine04": 0.3, "spine03": 0.55, "spine02": 0.8, "spine01": 1.0}
_NECK = {"neck01": 0.25, "neck02": 0.5, "neck03": 0.75, "head": 1.0}
_STRAIGHT_LEG, _STRAIGHT_ARM = 0.997, 0.998
"""How much of their length limbs stretch to at most: knees and elbows never quite lock."""

_DETOUR = {
    "back": (0.15, 0.0, -0.05),
    "pocket": (0.12, 0.0, 0.05),
    "floor": (0.0, 0.0, 0.0),
    "front": (0.05, 0.0, 0.06),
}
_DETOUR |= {"ear": (0.24, 0.0, 0.28), "nape": (0.2, 0.0, 0.34), "crown": (0.26, 0.0, 0.3), "forehead": (0.2, 0.0, 0.3)}
_DETOUR_ELSEWHERE = (0.1, 0.0, 0.2)
"""Meters by which a hand swings out halfway, outwards, up and forward: round the shoulder and the trunk."""

_LIFTED = 0.05
"""A foot this high, leg lengths, no longer pulls the pelvis down to it."""


@dataclass(frozen=True)
class Pose:
    """N poses of one body.

    Attributes:
        heads: (N, B, 3) world positions of the bones' heads, meters.
        turns: (N, B, 3, 3) world orientations of the bones relative to the neutral pose.
        angles: All angles of `anatomy.LIMITS`, (N,) degrees each, solved ones included.
    """

    heads: Floats
    turns: Floats
    angles: dict[str, Floats]


def solve(motion: Motion, skeleton: Skeleton, landmarks: Landmarks) -> Pose:
    """Pose a body for every frame of a motion."""
    count = len(motion)
    angles = {name: np.clip(motion.angles[:, index], *LIMITS[name]) for index, name in enumerate(GIVEN)}
    radians = {name: np.radians(value) for name, value in angles.items()}
    turns = np.tile(np.eye(3), (count, len(BONES), 1, 1))
    heads = np.zeros((count, len(BONES), 3))
    _set_trunk(turns, radians)
    feet = [_foot(motion, side, skeleton, landmarks) for side in (0, 1)]
    heads[:, bone("root")] = _pelvis(motion, skeleton, landmarks, turns[:, bone("root")], feet)
    for side in (0, 1):
        angles |= _set_leg(side, skeleton, heads, turns, feet[side])
    heads = skeleton.place(heads[:, bone("root")], turns)
    for side in (0, 1):
        angles |= _set_arm(side, motion, skeleton, landmarks, heads, turns, radians)
    world = about(1, motion.yaw)
    x, z = motion.position
    turns = world @ turns
    heads = skeleton.place(heads[:, bone("root")] @ world.T + [x, 0.0, z], turns)
    return Pose(heads, turns, angles)


def _outwards(side: int) -> int:
    return 1 if side == 0 else -1


def _suffix(side: int) -> str:
    return ".L" if side == 0 else ".R"


def _set_trunk(turns: Floats, radians: dict[str, Floats]) -> None:
    pelvis = about(1, radians["pelvis turn"]) @ about(0, radians["pelvis tilt"]) @ about(2, -radians["pelvis list"])
    for name in ("root", "clavicle.L", "clavicle.R"):
        turns[:, bone(name)] = pelvis
    for region, shares, base in (("spine", _SPINE, "root"), ("neck", _NECK, "spine01")):
        below = turns[:, bone(base)].copy()
        for name, share in shares.items():
            turn, flex, bend = (share * radians[f"{region} {word}"] for word in ("twist", "flex", "bend"))
            turns[:, bone(name)] = below @ about(1, turn) @ about(0, flex) @ about(2, -bend)


@dataclass(frozen=True)
class _Foot:
    ankle: Floats  # (N, 3) in the motion's frame
    turn: Floats  # (N, 3, 3)
    toes: Floats  # (N, 3, 3)
    heading: Floats  # (N,) radians, outwards positive
    grounded: Floats  # (N,) 1 on the floor .. 0 lifted


def _foot(motion: Motion, side: int, skeleton: Skeleton, landmarks: Landmarks) -> _Foot:
    s, suffix = _outwards(side), _suffix(side)
    leg = leg_length(skeleton)
    offset = motion.feet[:, side] * leg
    heading, pitch = np.radians(motion.foot_turn[:, side]), np.radians(motion.foot_pitch[:, side])
    lift = motion.feet[:, side, 1]
    grounded = 1 - _smooth_step(lift / _LIFTED)
    yaw = about(1, s * heading)
    turn = yaw @ about(0, pitch)
    toes = yaw @ about(0, pitch - np.clip(pitch, 0, 1.0) * grounded)
    ball = skeleton.offsets[bone(f"toes{suffix}")] * [1, 0, 1] - [0, landmarks.ankle_height, 0]
    heel = np.array([0, -landmarks.ankle_height, landmarks.heel])
    pivot = np.where((pitch > 0)[:, None], ball, heel)
    hip = skeleton.offsets[bone(f"upperleg01{suffix}")]
    flat = np.stack([s * (abs(hip[0]) + offset[:, 0]), landmarks.ankle_height + offset[:, 1], offset[:, 2]], -1)
    ankle = flat + (yaw @ pivot[..., None])[..., 0] - (turn @ pivot[..., None])[..., 0]
    return _Foot(ankle, turn, toes, heading, grounded)


def leg_length(skeleton: Skeleton) -> float:
    """Thigh and shin, meters."""
    return skeleton.length("upperleg01.L", "lowerleg01.L") + skeleton.length("lowerleg01.L", "foot.L")


def _smooth_step(value: Floats) -> Floats:
    value = np.clip(value, 0, 1)
    return value * value * (3 - 2 * value)


def _pelvis(motion: Motion, skeleton: Skeleton, landmarks: Landmarks, turn: Floats, feet: list[_Foot]) -> Floats:
    """(N, 3) position of the root, low enough for the planted feet to be reached."""
    leg = leg_length(skeleton)
    hips = [skeleton.offsets[bone(f"upperleg01{_suffix(side)}")] for side in (0, 1)]
    standing = landmarks.ankle_height + 0.99 * leg - hips[0][1]
    root: Floats = motion.pelvis * leg + [0, standing, 0]
    if motion.seat is not None:
        x, z, height = motion.seat
        seat = np.array([x - motion.position[0], height + landmarks.seat_height, z - motion.position[1]])
        seat = seat @ about(1, motion.yaw)  # from the world's axes into the motion's
        root += motion.seated[:, None] * (seat - [0, 0, 0.04] - root)
    drop = np.zeros(len(motion))
    for side in (0, 1):
        hip = root + turn @ hips[side]
        away = feet[side].ankle - hip
        reach = _STRAIGHT_LEG * leg
        highest = feet[side].ankle[:, 1] + np.sqrt(np.maximum(reach**2 - (away[:, [0, 2]] ** 2).sum(1), 0.01))
        drop = np.maximum(drop, np.maximum(hip[:, 1] - highest, 0) * feet[side].grounded)
    root[:, 1] -= drop
    return root


def _two_bones(
    start: Floats, target: Floats, pole: Floats, upper: float, lower: float, stretch: float, most_bent: float
) -> tuple[Floats, Floats, Floats]:
    """Directions of the upper and lower bone, and the hinge axis, so that the chain from `start` ends at `target`.

    `stretch` is the share of the full length that is used at most, `most_bent` the joint's limit in degrees.
    """
    away = target - start
    nearest = np.sqrt(upper**2 + lower**2 + 2 * upper * lower * np.cos(np.radians(most_bent - 0.5)))
    distance = np.clip(np.linalg.norm(away, axis=-1), nearest, stretch * (upper + lower))
    line = unit(away)
    pole = unit(pole - (pole * line).sum(-1, keepdims=True) * line)
    cosine = np.clip((upper**2 + distance**2 - lower**2) / (2 * upper * distance), -1, 1)
    sine = np.sqrt(1 - cosine**2)
    first = cosine[:, None] * line + sine[:, None] * pole
    second = unit(distance[:, None] * line - upper * first)
    return first, second, np.cross(pole, line)


def _facing(direction: Floats, hinge: Floats, neutral_hinge: Floats) -> Floats:
    """(N, 3, 3) turn that takes straight down to `direction` and a bone's neutral hinge axis to `hinge`."""
    turn: Floats = frame(direction, hinge) @ frame(_DOWN, neutral_hinge).T
    return turn


def _set_leg(side: int, skeleton: Skeleton, heads: Floats, turns: Floats, foot: _Foot) -> dict[str, Floats]:
    s, suffix, name = _outwards(side), _suffix(side), SIDES[side]
    pelvis = turns[:, bone("root")]
    hip = heads[:, bone("root")] + pelvis @ skeleton.offsets[bone(f"upperleg01{suffix}")]
    pole = (about(1, s * (0.6 * foot.heading + 0.05)) @ _FRONT) + 0.35 * (pelvis @ _FRONT)
    pole = pole + 1e-3 * _UP
    thigh_length = skeleton.length(f"upperleg01{suffix}", f"lowerleg01{suffix}")
    shin_length = skeleton.length(f"lowerleg01{suffix}", f"foot{suffix}")
    upper, lower, hinge = _two_bones(
        hip, foot.ankle, pole, thigh_length, shin_length, _STRAIGHT_LEG, LIMITS[f"{name} knee flex"].high
    )
    thigh, shin = _facing(upper, hinge, _LEFT), _facing(lower, hinge, _LEFT)
    foot_turn = foot.turn
    turns[:, bone(f"upperleg01{suffix}")] = turns[:, bone(f"upperleg02{suffix}")] = thigh
    turns[:, bone(f"lowerleg01{suffix}")] = shin
    relative = np.swapaxes(shin, -1, -2) @ foot_turn
    turns[:, bone(f"lowerleg02{suffix}")] = shin @ about(1, 0.4 * twist_angle(relative, 1))
    turns[:, bone(f"foot{suffix}")], turns[:, bone(f"toes{suffix}")] = foot_turn, foot.toes
    local = np.swapaxes(pelvis, -1, -2) @ upper[..., None]
    x, y, z = local[:, 0, 0], local[:, 1, 0], local[:, 2, 0]
    return {
        f"{name} hip flex": np.degrees(np.arctan2(z, -y)),
        f"{name} hip abduction": np.degrees(np.arcsin(np.clip(s * x, -1, 1))),
        f"{name} knee flex": np.degrees(np.arccos(np.clip((upper * lower).sum(-1), -1, 1))),
        f"{name} ankle flex": np.degrees(-twist_angle(relative, 0)),
    }


def _set_arm(
    side: int,
    motion: Motion,
    skeleton: Skeleton,
    landmarks: Landmarks,
    heads: Floats,
    turns: Floats,
    radians: dict[str, Floats],
) -> dict[str, Floats]:
    s, suffix, name = _outwards(side), _suffix(side), SIDES[side]

    def angle(word: str) -> Floats:
        return radians[f"{name} {word}"]

    chest = turns[:, bone("spine01")]
    raised, plane = angle("shoulder raise"), angle("shoulder plane")
    clearance = landmarks.arm_clearance * np.cos(np.clip(raised, 0, np.pi / 2)) ** 2
    upper_turn = (
        chest
        @ about(2, s * clearance)
        @ about(1, s * plane)
        @ about(0, -raised)
        @ about(1, -s * plane)
        @ about(1, -s * angle("shoulder turn"))
    )
    lower_turn = upper_turn @ about(0, -angle("elbow flex"))
    _set_shoulder_girdle(side, chest, upper_turn @ _DOWN, turns)
    shoulder = _chain(skeleton, heads, turns, f"clavicle{suffix}", f"shoulder01{suffix}", f"upperarm01{suffix}")
    upper_length = skeleton.length(f"upperarm01{suffix}", f"lowerarm01{suffix}")
    lower_length = skeleton.length(f"lowerarm01{suffix}", f"wrist{suffix}")
    palm = 0.9 * skeleton.length(f"wrist{suffix}", f"finger3-1{suffix}")
    wrist = shoulder + upper_length * (upper_turn @ _DOWN) + lower_length * (lower_turn @ _DOWN)
    pole = upper_turn @ -_FRONT
    reaches = [reach for reach in motion.reaches if reach.side == side]
    goal, elbow, weight, detour = _goal(reaches, s, motion, skeleton, landmarks, heads, turns)
    along = lower_turn @ _DOWN
    bent = LIMITS[f"{name} elbow flex"].high
    blended_pole = (1 - weight) * pole + weight * elbow
    for _ in range(5):  # the palm, not the wrist, is to arrive; where it is depends on the forearm's direction
        target = (1 - weight) * wrist + weight * (goal - palm * along) + detour
        target = landmarks.outside_trunk(target, heads, turns)
        upper, lower, hinge = _two_bones(
            shoulder, target, blended_pole, upper_length, lower_length, _STRAIGHT_ARM, bent
        )
        along = unit(along + lower)
    upper_turn, lower_turn = _facing(upper, hinge, -_LEFT), _facing(lower, hinge, -_LEFT)
    pronation = -s * angle("forearm pronation")
    hand = lower_turn @ about(1, pronation) @ about(2, -s * angle("wrist flex")) @ about(0, -angle("wrist deviation"))
    turns[:, bone(f"upperarm01{suffix}")] = turns[:, bone(f"upperarm02{suffix}")] = upper_turn
    turns[:, bone(f"lowerarm01{suffix}")] = lower_turn
    turns[:, bone(f"lowerarm02{suffix}")] = lower_turn @ about(1, pronation / 2)
    turns[:, bone(f"wrist{suffix}")] = hand
    for finger in range(1, 6):
        curl = angle("thumb curl") if finger == 1 else angle("fingers curl") * (0.85 + 0.05 * finger)
        for joint in range(1, 4):
            axis, share = (0, -0.35 * joint) if finger == 1 else (2, (0.8, 1.7, 2.4)[joint - 1] * -s * 0.75)
            turns[:, bone(f"finger{finger}-{joint}{suffix}")] = hand @ about(axis, share * curl)
    local = (np.swapaxes(chest, -1, -2) @ upper[..., None])[..., 0]
    return {f"{name} elbow flex": np.degrees(np.arccos(np.clip((upper * lower).sum(-1), -1, 1)))} | {
        f"{name} shoulder raise": np.degrees(np.arccos(np.clip(-local[:, 1], -1, 1)))
    }


def _chain(skeleton: Skeleton, heads: Floats, turns: Floats, *names: str) -> Floats:
    """Head of the last bone of a chain whose first bone hangs on the chest; the chain's heads are updated."""
    position, turn = heads[:, bone("spine01")], turns[:, bone("spine01")]
    for name in names:
        position = position + turn @ skeleton.offsets[bone(name)]
        heads[:, bone(name)], turn = position, turns[:, bone(name)]
    return position


def _set_shoulder_girdle(side: int, chest: Floats, arm: Floats, turns: Floats) -> None:
    """Collar bone and shoulder blade follow the raised arm (about a third of it) and sink a little when it hangs."""
    s, suffix = _outwards(side), _suffix(side)
    local = (np.swapaxes(chest, -1, -2) @ arm[..., None])[..., 0]
    raised = np.arccos(np.clip(-local[:, 1], -1, 1))
    lift = 0.3 * np.maximum(raised - np.radians(35), 0) - np.radians(11) * np.cos(np.minimum(raised, np.pi / 2)) ** 2
    sweep = 0.25 * np.clip(local[:, 2], -1, 1) * np.sin(np.minimum(raised, np.pi / 2))
    turns[:, bone(f"clavicle{suffix}")] = chest @ about(1, -s * 0.6 * sweep) @ about(2, s * 0.55 * lift)
    turns[:, bone(f"shoulder01{suffix}")] = chest @ about(1, -s * sweep) @ about(2, s * lift)


def _goal(
    reaches: list[Reach],
    s: int,
    motion: Motion,
    skeleton: Skeleton,
    landmarks: Landmarks,
    heads: Floats,
    turns: Floats,
) -> tuple[Floats, Floats, Floats, Floats]:
    """Weighted goal (N, 3), elbow direction (N, 3), total weight (N, 1) and detour (N, 3) of one hand's reaches."""
    count = len(motion)
    goal, elbow, total, detour = (np.zeros((count, size)) for size in (3, 3, 1, 3))
    chest = turns[:, bone("spine01")]
    for reach in reaches:
        weight = reach.weight[:, None]
        offset = reach.offset * [s, 1, 1]
        if reach.place == "floor":
            place = offset * leg_length(skeleton)
        else:
            place = landmarks.place(reach.place, reach.side, offset, heads, turns)
        goal += weight * place
        elbow += weight * (chest @ (np.array(reach.elbow) * [s, 1, 1]))
        total += weight
        swing = np.array(_DETOUR.get(reach.place, _DETOUR_ELSEWHERE)) * [s, 1, 1] * landmarks.scale
        detour += weight * (chest @ swing)
    safe = np.maximum(total, 1e-9)
    total = np.clip(total, 0, 1)
    return goal / safe, elbow / safe, total, 4 * (1 - total) * detour
