"""Rooms: walls, floor, ceiling with lamps, windows, and furniture around the spot where people perform.

World coordinates: the spot is the origin, cameras stand on the +z side. A setup has one room for all its clips.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hcmoco_bench.synth.kinect.cameras import Stage
from hcmoco_bench.synth.room import furniture, textures
from hcmoco_bench.synth.room.furniture import Place
from hcmoco_bench.synth.room.mesh_builder import MeshBuilder, RoomMesh

SEAT_HEIGHT = 0.45
"""Height of the chair's seat, meters."""


@dataclass(frozen=True)
class Shell:
    """The inner measures of a room.

    Attributes:
        half_width: Side walls are at x = -half_width[0] and x = +half_width[1], meters.
        back: The wall behind the spot is at z = -back.
        front: The wall behind the cameras is at z = +front.
        height: Of the ceiling, meters.
    """

    half_width: tuple[float, float]
    back: float
    front: float
    height: float


@dataclass(frozen=True, eq=False)
class Room:
    """A furnished room.

    Attributes:
        mesh: Everything that stands still.
        shell: Its measures.
        chair: A chair's place near the spot; its sitter looks to the place's front. Its seat is at SEAT_HEIGHT.
    """

    mesh: RoomMesh
    shell: Shell
    chair: Place


_WALLS = ((232, 231, 227), (222, 218, 208), (208, 212, 214), (226, 220, 196), (196, 206, 210), (214, 222, 206))
_ACCENTS = ((120, 140, 150), (170, 90, 70), (90, 110, 90), (150, 140, 120), (70, 80, 105))
_CARPETS = ((58, 62, 60), (70, 72, 82), (92, 84, 76), (60, 70, 95), (110, 104, 96), (84, 52, 50))


@dataclass(frozen=True)
class _Wall:
    """One wall: the place of its middle, looking into the room, and its length in meters."""

    middle: Place
    length: float

    def at(self, right: float) -> Place:
        spot = self.middle.at(right, 0.0, 0.0)
        return Place(float(spot[0]), float(spot[2]), self.middle.yaw)


def _walls(rng: np.random.Generator, build: MeshBuilder, room: Shell) -> tuple[_Wall, _Wall, _Wall, _Wall]:
    """Floor, ceiling, walls and skirting; returns the back, left, right and front wall."""
    left, right = room.half_width
    width, depth = left + right, room.back + room.front
    floor_kind = rng.random()
    if floor_kind < 0.55:
        floor, tile = textures.carpet(rng, _CARPETS[int(rng.integers(len(_CARPETS)))]), 0.5
    elif floor_kind < 0.8:
        floor, tile = textures.wood(rng, furniture.WOODS[int(rng.integers(4))], planks=8), 1.1
    else:
        floor, tile = textures.tiles(rng, rng.integers(120, 215) * np.array([1.0, 0.98, 0.94])), 1.6
    back_corner = np.array([-left, 0.0, -room.back])
    build.quad(back_corner, (width, 0, 0), (0, 0, depth), build.material(floor), tile=tile, cell=0.1)
    top = build.material(textures.ceiling(rng))
    corner = (-left, room.height, room.front)
    build.quad(corner, (width, 0, 0), (0, 0, -depth), top, tile=0.6, cell=0.25)

    color = _WALLS[int(rng.integers(len(_WALLS)))]
    paint = build.material(textures.plaster(rng, color))
    accent = paint
    if rng.random() < 0.3:
        accent = build.material(textures.plaster(rng, _ACCENTS[int(rng.integers(len(_ACCENTS)))]))
    skirting = build.material(textures.plain(rng, (70, 74, 76) if rng.random() < 0.5 else (225, 222, 216)))
    middle_x, middle_z = (right - left) / 2, (room.front - room.back) / 2
    walls = (
        _Wall(Place(middle_x, -room.back, 0.0), width),
        _Wall(Place(-left, middle_z, np.pi / 2), depth),
        _Wall(Place(right, middle_z, -np.pi / 2), depth),
        _Wall(Place(middle_x, room.front, np.pi), width),
    )
    accented = int(rng.integers(3))
    for number, wall in enumerate(walls):
        place = wall.middle
        start, end = place.at(-wall.length / 2, room.height, 0), place.at(wall.length / 2, room.height, 0)
        layer = accent if number == accented else paint
        build.quad(start, end - start, (0, -room.height, 0), layer, tile=0.8, cell=0.16)
        build.box(place.at(0, 0.05, 0.008), (wall.length, 0.1, 0.016), skirting, yaw=place.yaw, cell=0.2)
    return walls


def _lamps(rng: np.random.Generator, build: MeshBuilder, room: Shell) -> None:
    """Rows of ceiling panels or tubes."""
    warm = rng.uniform(0.0, 1.0)
    white = np.array([1.0, 0.99 - 0.10 * warm, 0.97 - 0.28 * warm])
    red, green, blue = (float(v) for v in 26.0 * white)
    glow = build.material(textures.plain(rng, (255, 255, 255)), (red, green, blue))
    size = (0.6, 0.6) if rng.random() < 0.6 else (1.2, 0.25)
    columns, rows = int(rng.integers(2, 4)), int(rng.integers(2, 4))
    left, right = room.half_width
    for x in (np.arange(columns) + 0.5) / columns * (left + right) - left:
        for z in (np.arange(rows) + 0.5) / rows * (room.back + room.front) - room.back:
            if rng.random() < 0.9:
                corner = (x - size[0] / 2, room.height - 0.01, z + size[1] / 2)
                build.quad(corner, (size[0], 0, 0), (0, 0, -size[1]), glow, cell=0.7)


def _window(rng: np.random.Generator, build: MeshBuilder, place: Place, height: float) -> None:
    """A window with its frame, and sometimes a curtain, on the wall behind the place."""
    width, tall, sill = rng.uniform(1.2, 2.4), rng.uniform(1.1, 1.5), rng.uniform(0.8, 1.0)
    bright = rng.uniform(1.0, 5.0)
    view = build.material(textures.outside(rng), (bright * 0.93, bright * 0.97, bright))
    frame = build.material(textures.plain(rng, (228, 228, 226)))
    top = sill + tall
    corner = place.at(-width / 2, top, 0.01)
    build.quad(corner, place.at(width / 2, top, 0.01) - corner, (0, -tall, 0), view, cell=0.3)
    for right in np.linspace(-width / 2, width / 2, 3):
        build.box(place.at(right, sill + tall / 2, 0.025), (0.05, tall, 0.05), frame, yaw=place.yaw)
    for level in (sill, top):
        build.box(place.at(0, level, 0.03), (width + 0.05, 0.05, 0.06), frame, yaw=place.yaw)
    if rng.random() < 0.6:
        fabric = build.material(textures.cloth(rng, rng.uniform(0.75, 1.0) * np.array([225, 220, 208])))
        for side in (-1, 1):
            middle, spread = side * (width / 2 + 0.05), rng.uniform(0.5, 0.9)
            folds = int(rng.integers(5, 9))
            yaw_right = place.at(1, 0, 0) - place.at(0, 0, 0)
            yaw_front = place.at(0, 0, 1) - place.at(0, 0, 0)

            def drape(
                u: np.ndarray,
                v: np.ndarray,
                middle: float = middle,
                spread: float = spread,
                folds: int = folds,
                yaw_right: np.ndarray = yaw_right,
                yaw_front: np.ndarray = yaw_front,
            ) -> np.ndarray:
                right = middle + (u - 0.5) * spread
                out = 0.10 + 0.035 * np.sin(2 * np.pi * folds * u + 0.6 * v)
                base = place.at(0, 0, 0) + np.zeros((*u.shape, 3))
                base[..., 1] = (height - 0.15) * (1 - v) + 0.03
                return np.asarray(base + right[..., None] * yaw_right + out[..., None] * yaw_front)

            build.grid(drape, (folds * 8, 12), fabric, [(0, 0), (spread / 0.2, height / 0.2)])


def _furnish_wall(
    rng: np.random.Generator, build: MeshBuilder, wall: _Wall, limits: tuple[float, float], height: float
) -> None:
    """Put pieces side by side along a wall, with gaps, between two positions along it (meters from its middle)."""
    cursor = limits[0] + rng.uniform(0.0, 0.8)
    while cursor < limits[1] - 0.6:
        kind = rng.choice(
            ["nothing", "shelf", "cabinet", "table", "door", "window", "board", "sofa", "small"],
            p=[0.2, 0.11, 0.12, 0.14, 0.09, 0.1, 0.12, 0.05, 0.07],
        )
        room_left = limits[1] - cursor
        if kind == "door" and room_left > 1.1:
            furniture.door(rng, build, wall.at(cursor + 0.55))
            cursor += 1.2
        elif kind == "window" and room_left > 2.6:
            _window(rng, build, wall.at(cursor + 1.3), height)
            cursor += 2.7
        elif kind == "shelf" and room_left > 1.4:
            furniture.shelf(rng, build, wall.at(cursor + 0.7))
            cursor += 1.4
        elif kind == "cabinet" and room_left > 1.7:
            furniture.cabinet(rng, build, wall.at(cursor + 0.85))
            if rng.random() < 0.6:
                furniture.image_on_wall(rng, build, wall.at(cursor + 0.85), str(rng.choice(["poster", "television"])))
            cursor += 1.8
        elif kind == "table" and room_left > 1.9:
            size = (rng.uniform(1.2, 1.7), 0.73, rng.uniform(0.6, 0.8))
            spot = wall.at(cursor + 0.95).at(0, 0, size[2] / 2 + 0.05)
            desk = Place(float(spot[0]), float(spot[2]), wall.middle.yaw)
            furniture.table(rng, build, desk, size)
            if rng.random() < 0.7:
                seat = desk.at(rng.uniform(-0.2, 0.2), 0, size[2] / 2 + 0.15)
                turned = desk.yaw + np.pi + rng.normal(0, 0.4)
                furniture.chair(rng, build, Place(float(seat[0]), float(seat[2]), float(turned)))
            cursor += 2.0
        elif kind == "sofa" and room_left > 2.2:
            furniture.sofa(rng, build, wall.at(cursor + 1.1))
            cursor += 2.2
        elif kind == "board" and room_left > 2.2:
            furniture.image_on_wall(
                rng, build, wall.at(cursor + 1.1), str(rng.choice(["whiteboard", "poster", "television"]))
            )
            cursor += 2.3
        elif kind == "small":
            spot = wall.at(cursor + 0.3).at(0, 0, 0.35)
            place = Place(float(spot[0]), float(spot[2]), wall.middle.yaw)
            piece = (furniture.plant, furniture.waste_bin, furniture.cartons)[int(rng.integers(3))]
            piece(rng, build, place)
            cursor += 0.8
        else:
            cursor += rng.uniform(0.3, 0.9)
    for kind, chance in (("clock", 0.4), ("speaker", 0.4), ("socket", 0.9)):
        if rng.random() < chance:
            furniture.image_on_wall(rng, build, wall.at(rng.uniform(*limits)), kind)


def build_room(rng: np.random.Generator, stage: Stage) -> Room:
    """Draw a room around a setup's cameras; the space between them and the spot stays free.

    Now and then a low table stands at the edge of that space, so that it hides the legs from one of the cameras.
    """
    cameras = [
        np.array([distance * np.sin(angle), distance * np.cos(angle)])
        for distance, angle in zip(stage.distance, stage.angle, strict=True)
    ]
    reach_x = max(abs(float(spot[0])) for spot in cameras)
    reach_z = max(float(spot[1]) for spot in cameras)
    yaw = float(rng.uniform(-0.7, 0.7))
    chair = Place(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(-0.75, -0.5)), yaw)
    build = MeshBuilder()
    room = Shell(
        half_width=(reach_x + rng.uniform(0.5, 1.8), reach_x + rng.uniform(0.5, 1.8)),
        back=float(rng.uniform(1.5, 2.8)),
        front=reach_z + rng.uniform(1.2, 2.4),
        height=float(rng.uniform(2.6, 3.1)),
    )
    back, left, right, front = _walls(rng, build, room)
    _lamps(rng, build, room)
    _furnish_wall(rng, build, back, (-back.length / 2 + 0.3, back.length / 2 - 0.3), room.height)
    # Side walls are furnished up to where the outer cameras stand; the rest is behind them.
    depth = room.back + room.front
    free = depth / 2 - room.back
    _furnish_wall(rng, build, left, (free - 1.2, depth / 2 - 0.7), room.height)
    _furnish_wall(rng, build, right, (-depth / 2 + 0.7, 1.2 - free), room.height)
    _furnish_wall(rng, build, front, (-front.length / 2 + 0.3, front.length / 2 - 0.3), room.height)
    furniture.chair(rng, build, chair, seat=SEAT_HEIGHT)
    if rng.random() < 0.25:
        angle = stage.angle[int(rng.integers(3))] + rng.normal(0, 0.15)
        distance = rng.uniform(0.85, 1.15)
        place = Place(float(distance * np.sin(angle)), float(distance * np.cos(angle)), float(angle))
        furniture.table(rng, build, place, (rng.uniform(0.6, 1.0), rng.uniform(0.4, 0.55), rng.uniform(0.4, 0.5)))
    return Room(build.build(), room, chair)
