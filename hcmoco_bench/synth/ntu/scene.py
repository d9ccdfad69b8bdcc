"""What happens in front of the cameras: who performs which action where, with whom, and who walks out of the image.

Everything is drawn from generators seeded by names, so that a clip does not depend on which others are made, and the
three cameras of a setup see the same performance. As in NTU, replication 1 faces towards one of the outer cameras and
replication 2 towards the other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.sources.ntu.names import ClipName, Rig
from hcmoco_bench.synth.kinect.cameras import KinectPair, Stage, place_kinect, sample_stage
from hcmoco_bench.synth.motion import ACTIONS, Motion, sample_motion
from hcmoco_bench.synth.person.performer import Figure, FigureTrack, Performer
from hcmoco_bench.synth.room.build import SEAT_HEIGHT, Room, build_room

_ACTION_NAMES = {
    1: "drink water", 2: "eat meal", 3: "brush teeth", 4: "brush hair", 5: "reach out", 6: "pick up", 7: "throw",
    8: "sit down", 9: "stand up", 10: "clap", 11: "reading", 12: "writing", 13: "rub hands", 16: "bow", 17: "stand up",
    20: "cheer up", 22: "cheer up", 23: "wave", 24: "kick something", 25: "reach into pocket", 26: "hop on one foot",
    27: "jump up", 28: "phone call", 29: "play with phone", 30: "writing", 31: "point to something",
    32: "play with phone", 33: "check time", 34: "rub hands", 35: "nod head", 36: "shake head", 37: "wipe face",
    38: "salute", 39: "put palms together", 40: "cross hands in front", 41: "cough", 42: "stagger", 43: "squat down",
    44: "headache", 45: "chest pain", 46: "back pain", 47: "neck pain", 48: "cough", 49: "fan self",
    50: "reach out", 51: "kick something", 52: "reach out", 53: "reach out", 54: "point to something", 55: "reach out",
    56: "reach out", 57: "reach into pocket", 58: "reach out", 59: "walk", 60: "walk",
    80: "squat down", 96: "cross arms", 98: "side bend", 103: "cough", 104: "stretch",
}  # fmt: skip
"""NTU's action numbers that a named action stands for; the other numbers take turns through all actions."""

_PAIRS = frozenset(range(50, 61)) | frozenset(range(106, 121))
"""NTU's actions of two people."""


def generator(seed: int, *names: object) -> np.random.Generator:
    """A random generator that depends on the seed and the names only."""
    digest = sha256("/".join([str(seed), *map(str, names)]).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def action_name(number: int) -> str:
    """The name of the motion shown for an NTU action number."""
    name = _ACTION_NAMES.get(number)
    return name if name in ACTIONS else ACTIONS[number * 7 % len(ACTIONS)]


def setup_stage(seed: int, setup: int) -> Stage:
    """Where the cameras of a setup stand."""
    return sample_stage(generator(seed, "stage", setup))


def setup_room(seed: int, setup: int) -> Room:
    """The room of a setup."""
    return build_room(generator(seed, "room", setup), setup_stage(seed, setup))


def rig_cameras(seed: int, rig: Rig) -> KinectPair:
    """The Kinect of a rig."""
    return place_kinect(generator(seed, "kinect", rig), setup_stage(seed, rig.setup), rig.camera)


@dataclass(frozen=True, eq=False)
class Performance:
    """One to two people moving for N frames.

    Attributes:
        action: Name of the main performer's action.
        figures: One a person, the main performer first.
        tracks: The same people's movements.
    """

    action: str
    figures: tuple[Figure, ...]
    tracks: tuple[FigureTrack, ...]

    @property
    def joints(self) -> NDArray[np.float32]:
        """(B, N, 25, 3) Kinect joints, world meters."""
        return np.stack([track.joints for track in self.tracks])


def _seated(motion: Motion, room: Room) -> Motion:
    """Move somebody who sits so that the seat is the room's chair."""
    if motion.seat is None:
        return motion
    x, z = room.chair.x - motion.seat[0], room.chair.z - motion.seat[1]
    return replace(
        motion,
        position=(motion.position[0] + x, motion.position[1] + z),
        seat=(room.chair.x, room.chair.z, SEAT_HEIGHT),
    )


_WALKING = ("walk", "stagger")
_SITTING = ("sit down", "stand up")
_LEG = 0.9
"""Meters in the length of a leg, in which motions measure; near enough to plan a path."""


def _walker(
    rng: np.random.Generator, action: str, n_frames: int, line: float, *, leaves: bool, nearest: float
) -> Motion:
    """Somebody who walks away from the spot, or to it, along a line between two cameras, where nothing stands.

    On the way they leave the cameras' images, or enter them.

    Args:
        rng: Draws the motion.
        action: One of _WALKING.
        n_frames: Frames.
        line: Direction of the line as seen from the spot, radians from world +z towards +x.
        leaves: Away from the spot rather than to it.
        nearest: Where on the line the path starts or ends, meters from the spot.
    """
    motion = sample_motion(rng, action, n_frames, position=(0.0, 0.0), yaw=line if leaves else line + np.pi)
    travel = motion.pelvis[:, 2] * _LEG
    start = nearest - travel.min() if leaves else nearest + travel.max()
    return replace(motion, position=(float(start * np.sin(line)), float(start * np.cos(line))))


def _pair(rng: np.random.Generator, clip: ClipName, stage: Stage, n_frames: int) -> list[Motion]:
    """Two people who face each other across the middle camera's line of sight, meet, or part."""
    action = action_name(clip.action)
    if action in _WALKING:
        leaves = clip.action % 2 == 0  # NTU: 59 is walking towards, 60 walking apart
        return [
            _walker(rng, action, n_frames, (stage.angle[0] + stage.angle[k]) / 2, leaves=leaves, nearest=0.75)
            for k in (1, 2)
        ]
    if action in _SITTING:
        action = "reach out"
    middle = stage.angle[0] + rng.normal(0, 0.25)
    across, gap = np.array([np.cos(middle), -np.sin(middle)]), rng.uniform(0.42, 0.65)
    motions = []
    for side in (-1, 1):
        spot = -side * gap * across + rng.normal(0, 0.05, 2) + np.array([0.0, 0.1])
        name = action if side < 0 else str(rng.choice(["stand", "reach out", action]))
        yaw = float(np.arctan2(side * across[0], side * across[1]) + rng.normal(0, 0.15))
        motions.append(sample_motion(rng, name, n_frames, position=(float(spot[0]), float(spot[1])), yaw=yaw))
    return motions


def _motions(rng: np.random.Generator, clip: ClipName, room: Room, stage: Stage, n_frames: int) -> list[Motion]:
    action = action_name(clip.action)
    if clip.action in _PAIRS:
        return _pair(rng, clip, stage, n_frames)
    outer = 1 if clip.replication % 2 else 2
    if action in _WALKING:
        line = (stage.angle[0] + stage.angle[outer]) / 2 + rng.normal(0, 0.05)
        leaves = bool(rng.random() < 0.6)
        return [_walker(rng, action, n_frames, line, leaves=leaves, nearest=rng.uniform(-0.1, 0.2))]
    yaw = float(stage.angle[outer] * rng.uniform(0.5, 1.1) + rng.normal(0, 0.15))
    if action in _SITTING:
        yaw = room.chair.yaw
    spot = rng.normal([0.0, 0.2], [0.2, 0.12])
    motions = [sample_motion(rng, action, n_frames, position=(float(spot[0]), float(spot[1])), yaw=yaw)]
    if rng.random() < 0.06:
        # A bystander behind the performer, on the side where the chair is not.
        side = -1.0 if room.chair.x > 0 else 1.0
        place = (float(spot[0] + side * rng.uniform(0.85, 1.2)), float(spot[1] - rng.uniform(0.2, 0.6)))
        motions.append(sample_motion(rng, "stand", n_frames, position=place, yaw=float(rng.normal(0, 0.6))))
    return [_seated(motion, room) for motion in motions]


def perform(seed: int, clip: ClipName, room: Room, n_frames: int, *, recurring: bool = False) -> Performance:
    """Stage the performance that a clip shows; the clip's camera plays no role.

    Args:
        seed: Of the tree.
        clip: Which one.
        room: The setup's room.
        n_frames: Frames at 30 a second.
        recurring: Whether a performer is one person in all setups, in other clothes, and not another in each.
    """
    rng = generator(seed, "performance", clip.setup, clip.performer, clip.replication, clip.action)
    motions = _motions(rng, clip, room, setup_stage(seed, clip.setup), n_frames)
    # A performer wears the same throughout a setup.
    in_setup = generator(seed, "performer", clip.setup, clip.performer)
    person = generator(seed, "person", clip.performer) if recurring else in_setup
    people = [Performer.sample(person, in_setup)]
    people += [Performer.sample(rng) for _ in motions[1:]]
    return Performance(
        motions[0].action,
        tuple(person.figure for person in people),
        tuple(person.animate(motion) for person, motion in zip(people, motions, strict=True)),
    )
