"""Rooms to take photographs in, and where the camera stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from hcmoco_bench.synth.kinect.cameras import Pinhole, Stage, look_at, sample_stage
from hcmoco_bench.synth.kinect.raycast import Surface, View
from hcmoco_bench.synth.ntu.scene import generator
from hcmoco_bench.synth.room.build import Room, build_room
from hcmoco_bench.synth.room.lighting import RoomLight, light_room

_SHAPES = ((1.0, 0.75), (1.0, 2 / 3), (0.75, 1.0), (2 / 3, 1.0))
"""Width and height of images, in lengths of the longer side."""


@dataclass(frozen=True, eq=False)
class Studio:
    """A room with its light.

    Attributes:
        stage: Where there is nothing between the spot in the middle and a camera.
        room: Its furniture.
        surface: Its triangles.
        light: Its light.
    """

    stage: Stage
    room: Room
    surface: Surface
    light: RoomLight


@lru_cache(maxsize=2)
def studio(seed: int, number: int, device: str) -> Studio:
    """One of the rooms; rooms are kept for a while, as neighboring images share them."""
    rng = generator(seed, "studio", number)
    stage = sample_stage(rng)
    room = build_room(rng, stage)
    surface = Surface(room.mesh.vertices, room.mesh.faces, device)
    return Studio(stage, room, surface, light_room(room.mesh, surface))


def sample_view(rng: np.random.Generator, stage: Stage, long_side: int, target: ArrayLike) -> View:
    """Draw a camera on the free side of a room: its image's shape, lens, place, and roughly looking at a target.

    Args:
        rng: Draws it.
        stage: Of the room.
        long_side: Px of the image's longer side.
        target: (3,) world meters.
    """
    across, down = _SHAPES[int(rng.integers(len(_SHAPES)))]
    # Video and chroma need even sizes.
    width, height = (2 * round(long_side * share / 2) for share in (across, down))
    focal = long_side * rng.uniform(0.8, 1.5)
    camera = Pinhole(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    angle = float(rng.uniform(stage.angle[1], stage.angle[2]))
    distance = float(rng.uniform(1.9, min(stage.distance)))
    position = np.array([distance * np.sin(angle), rng.uniform(0.7, 1.9), distance * np.cos(angle)])
    aim = np.asarray(target, np.float64) + rng.normal(0, [0.15, 0.12, 0.15])
    return View(camera, look_at(position, aim, float(np.radians(rng.normal(0, 2)))))
