"""One recording: a subject's action as one of the four cameras films it, with the labels of every frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.sources.human36m.layout import CAMERA_SIZES, FRAME_RATE
from hcmoco_bench.sources.human36m.names import SequenceName
from hcmoco_bench.synth.human36m.joints import human36m_joints, seen_by
from hcmoco_bench.synth.kinect.cameras import Pinhole, look_at
from hcmoco_bench.synth.kinect.color_camera import ColorCamera
from hcmoco_bench.synth.kinect.light_over_time import LightOverTime
from hcmoco_bench.synth.kinect.people import People
from hcmoco_bench.synth.kinect.raycast import View
from hcmoco_bench.synth.kinect.shading import render_backdrop
from hcmoco_bench.synth.motion import sample_motion
from hcmoco_bench.synth.ntu.scene import generator
from hcmoco_bench.synth.person.performer import Figure, Performer
from hcmoco_bench.synth.photographs.studio import Studio, studio
from hcmoco_bench.synth.room.shadows import ShadowCatcher

MOTIONS: Final = {
    "Directions": "point to something",
    "Discussion": "clap",
    "Eating": "eat meal",
    "Greeting": "wave",
    "Phoning": "phone call",
    "Photo": "play with phone",
    "Posing": "cross arms",
    "Purchases": "reach into pocket",
    "Smoking": "drink water",
    "Waiting": "stand",
    "Walking": "walk",
    "WalkDog": "stagger",
}
"""The motion that stands for an action. Actions on chairs and on the floor are left out."""

_Number = TypeVar("_Number", np.float32, np.float64)

_MOTION_RATE: Final = 30
_ANGLES: Final = (-0.75, -0.12, 0.12, 0.75)
"""Where the cameras stand as seen from the spot, radians from world +z; all on the side that is free of furniture."""

_FOCAL: Final = 1145.0
"""Focal length of the cameras, px of an image 1000 px wide."""


@dataclass(frozen=True, eq=False)
class _Performance:
    """A figure with its vertices (N, V, 3) and joints (N, 32, 3), world meters, at the motions' own rate."""

    figure: Figure
    vertices: NDArray[np.float32]
    joints: NDArray[np.float64]


@lru_cache(maxsize=1)
def _performance(seed: int, subject: int, action: str, n_frames: int) -> _Performance:
    rng = generator(seed, "human36m action", subject, action)
    count = int(np.ceil((n_frames - 1) * _MOTION_RATE / FRAME_RATE)) + 1
    x, z = rng.normal([0.0, 0.1], [0.2, 0.12])
    motion = sample_motion(
        rng, MOTIONS[action.split()[0]], count, position=(float(x), float(z)), yaw=float(rng.uniform(-np.pi, np.pi))
    )
    # Somebody else for every performance: seven people would be too few to learn from.
    performer = Performer.sample(generator(seed, "human36m performer", subject, action))
    joints = human36m_joints(performer.skeleton, performer.pose(motion))
    return _Performance(performer.figure, performer.animate(motion).vertices, joints)


def _at(track: NDArray[_Number], number: int) -> NDArray[_Number]:
    """A track (N, ...) at the motions' own rate, at the time of a frame."""
    before, share = divmod(number * _MOTION_RATE, FRAME_RATE)
    weight = track.dtype.type(share / FRAME_RATE)
    return np.asarray(track[before] if not share else (1 - weight) * track[before] + weight * track[before + 1])


def camera_size(camera: str, width: int) -> tuple[int, int]:
    """Width and height of a camera's images, even, when 1000 px are made so many."""
    across, down = CAMERA_SIZES[camera]
    return 2 * round(across * width / 2000), 2 * round(down * width / 2000)


def _view(rng: np.random.Generator, place: Studio, camera: str, width: int) -> View:
    index = list(CAMERA_SIZES).index(camera)
    size = camera_size(camera, width)
    focal = _FOCAL * width / 1000 * rng.uniform(0.99, 1.01)
    lens = Pinhole(focal, focal, (size[0] - 1) / 2, (size[1] - 1) / 2, *size)
    angle, distance = _ANGLES[index] + rng.normal(0, 0.03), min(place.stage.distance) + 0.4
    position = np.array([distance * np.sin(angle), rng.uniform(1.4, 1.7), distance * np.cos(angle)])
    return View(lens, look_at(position, [0.0, 0.9, 0.0], float(np.radians(rng.normal(0, 0.3)))))


def _view_of(seed: int, name: SequenceName, place: Studio, width: int) -> View:
    # A camera stands where it stands, whoever is filmed.
    return _view(generator(seed, "human36m camera", name.camera), place, name.camera, width)


def positions(
    seed: int, name: SequenceName, n_frames: int, *, width: int = 1000, device: str = "cpu"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The joints of a recording; see `record` for the arguments.

    Returns:
        (F, 32, 3) millimeters in the camera's coordinates, and (F, 32, 2) px of the video; joint set `h36m32`.
    """
    view = _view_of(seed, name, studio(seed, 0, device), width)
    performed = _performance(seed, name.subject, name.action, n_frames)
    return seen_by(view, np.stack([_at(performed.joints, number) for number in range(n_frames)]))


def record(
    seed: int, name: SequenceName, n_frames: int, *, width: int = 1000, device: str = "cpu"
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Film a recording.

    Args:
        seed: Of the data set.
        name: Which one; its action is one of `MOTIONS`, perhaps with a number.
        n_frames: At 50 a second.
        width: Px of the images' width.
        device: Warp's name of the device.

    Yields:
        (H * 3 / 2, W) uint8 I420 planes of an image, and (H, W) uint8 class indices of its pixels.
    """
    place = studio(seed, 0, device)
    view = _view_of(seed, name, place, width)
    performed = _performance(seed, name.subject, name.action, n_frames)
    people = People([performed.figure], device)

    def move(moved: People, number: int) -> None:
        moved.move([_at(performed.vertices, number)])

    light = LightOverTime(people, place.light, view, move, n_frames)
    backdrop = render_backdrop(place.room.mesh, place.surface, place.light, view)
    catcher = ShadowCatcher(place.room.mesh, place.surface, place.light, view)
    camera = ColorCamera(view, backdrop, catcher, place.light, generator(seed, "human36m noise", name))
    room_z = wp.array(backdrop.z, dtype=float, device=device)
    for number in range(n_frames):
        move(people, number)
        seen = people.in_depth(view, room_z, margin=0)
        parts = np.zeros((view.camera.height, view.camera.width), np.uint8)
        if seen is not None:
            parts[seen.box.slices] = seen.part
        yield camera.expose(people, light.at(number)), parts
