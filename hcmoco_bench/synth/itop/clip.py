"""One performance before ITOP's camera: depth maps, joints, what is visible, the joint nearest to each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.sources.itop.layout import CENTER, DEPTH_SIZE, METRES_PER_PIXEL
from hcmoco_bench.synth.itop.sensor import measure
from hcmoco_bench.synth.kinect.cameras import Pinhole, apply_rigid, look_at, sample_stage
from hcmoco_bench.synth.kinect.joint_visibility import joints_seen
from hcmoco_bench.synth.kinect.people import DepthView, People
from hcmoco_bench.synth.kinect.raycast import Surface, View
from hcmoco_bench.synth.motion import ACTIONS, sample_motion
from hcmoco_bench.synth.ntu.scene import generator
from hcmoco_bench.synth.person.performer import Performer
from hcmoco_bench.synth.room.build import build_room

CAMERA: Final = Pinhole(1 / METRES_PER_PIXEL, 1 / METRES_PER_PIXEL, *CENTER, *DEPTH_SIZE)

_ACTIONS: Final = tuple(name for name in ACTIONS if name not in ("sit down", "stand up"))

_STEP: Final = 3
"""Frames of the motion, at 30 a second, between two frames that are kept: neighbors differ visibly."""

_FROM_KINECT: Final = {"torso": "spine mid"}
"""Where a joint of ITOP is called otherwise by the Kinect."""

_BAD_SPELL: Final = 0.25
"""Share of the performances in which the labels are bad for a while, and marked so."""


@dataclass(frozen=True, eq=False)
class ItopFrames:
    """F frames in the types that ITOP publishes.

    Attributes:
        depth: (F, 240, 320) float16 meters.
        is_valid: (F,) uint8.
        visible: (F, 15) int16.
        pixels: (F, 15, 2) int16 px (x, y).
        joints: (F, 15, 3) float16 meters.
        segmentation: (F, 240, 320) int8 joint index, -1 where nobody is.
    """

    depth: NDArray[np.float16]
    is_valid: NDArray[np.uint8]
    visible: NDArray[np.int16]
    pixels: NDArray[np.int16]
    joints: NDArray[np.float16]
    segmentation: NDArray[np.int8]


@lru_cache(maxsize=1)
def itop_joints() -> NDArray[np.intp]:
    """(15,) the joint of the Kinect's 25 that each joint of ITOP is; both name the person's own sides."""
    kinect = joint_set("kinect25")
    return np.array([kinect.index(_FROM_KINECT.get(name, name)) for name in joint_set("itop15").joints])


@lru_cache(maxsize=4)
def _performer(seed: int, person: int) -> Performer:
    return Performer.sample(generator(seed, "itop performer", person))


@lru_cache(maxsize=4)
def _view_and_room(seed: int, person: int, device: str) -> tuple[View, NDArray[np.float32]]:
    """The camera where it stands for this person, and the room's distances (240, 320) in it, infinite for nothing."""
    rng = generator(seed, "itop room", person)
    stage = sample_stage(rng)
    room = build_room(rng, stage)
    angle, distance = stage.angle[0], stage.distance[0]
    position = [distance * np.sin(angle), rng.uniform(0.9, 1.4), distance * np.cos(angle)]
    target = [rng.uniform(-0.1, 0.1), rng.uniform(0.85, 1.0), rng.uniform(-0.1, 0.1)]
    view = View(CAMERA, look_at(position, target, float(np.radians(rng.normal(0, 0.5)))))
    face, z = Surface(room.mesh.vertices, room.mesh.faces, device).see(view)
    return view, np.where(face < 0, np.float32(np.inf), z)


def make_clip(seed: int, person: int, number: int, n_frames: int, *, noise: bool = True, device: str) -> ItopFrames:
    """Make performance `number` of a person; depends on nothing but the arguments."""
    performer = _performer(seed, person)
    view, room_z = _view_and_room(seed, person, device)
    rng = generator(seed, "itop performance", person, number)
    x, z = rng.normal([0.0, 0.1], 0.15)
    towards = float(np.arctan2(view.position[0] - x, view.position[2] - z))
    motion = sample_motion(
        rng,
        str(rng.choice(_ACTIONS)),
        _STEP * (n_frames - 1) + 1,
        position=(float(x), float(z)),
        yaw=towards + float(np.clip(rng.normal(0, 0.5), -1.3, 1.3)),
    )
    track = performer.animate(motion)
    points = apply_rigid(view.pose, track.joints[::_STEP][:, itop_joints()])
    pixels = CAMERA.project(points)
    people, room = People([performer.figure], device), wp.array(room_z, dtype=float, device=device)
    depths, seen, labels = [], [], []
    for frame, vertices in enumerate(track.vertices[::_STEP]):
        people.move([vertices])
        found = people.in_depth(view, room)
        depths.append(_measured(found, room_z, rng if noise else None))
        seen.append(joints_seen(points[frame], pixels[frame], found))
        labels.append(_nearest_joint(found, points[frame]))
    valid = np.asarray(CAMERA.contains(pixels).all(axis=1))
    if noise and rng.random() < _BAD_SPELL:
        first, length = int(rng.integers(n_frames)), max(1, n_frames // 4)
        bad = np.arange(n_frames)[first : first + length]
        points[bad] += rng.normal(0, 0.12, (len(bad), *points.shape[1:]))
        valid[bad] = False
        pixels[bad] = CAMERA.project(points[bad])
    limits = np.iinfo(np.int16)
    return ItopFrames(
        depth=np.stack(depths),
        is_valid=valid.astype(np.uint8),
        visible=np.stack(seen).astype(np.int16),
        pixels=np.nan_to_num(pixels.round(), nan=-1).clip(limits.min, limits.max).astype(np.int16),
        joints=points.astype(np.float16),
        segmentation=np.stack(labels),
    )


def _measured(
    found: DepthView | None, room_z: NDArray[np.float32], rng: np.random.Generator | None
) -> NDArray[np.float16]:
    """The whole image: people before the room."""
    z = np.where(np.isfinite(room_z), room_z, np.float32(0))
    if found is not None:
        z[found.box.slices] = np.where(found.z > 0, found.z, z[found.box.slices])
    return z.astype(np.float16) if rng is None else measure(z, rng)


def _nearest_joint(found: DepthView | None, joints: NDArray[np.float64]) -> NDArray[np.int8]:
    """(240, 320) index of the joint (15, 3) that the surface seen in each px is nearest to; -1 for the room."""
    labels = np.full(DEPTH_SIZE[::-1], -1, np.int8)
    if found is None:
        return labels
    y, x = np.nonzero(found.z)
    surface = CAMERA.unproject(np.stack([x + found.box.x, y + found.box.y], axis=-1), found.z[y, x])
    far = ((surface[:, None] - joints) ** 2).sum(axis=-1)
    labels[y + found.box.y, x + found.box.x] = far.argmin(axis=1)
    return labels
