"""Pieces of furniture, built from boxes and cylinders at true sizes, standing on the floor or hanging on a wall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.synth.room import textures
from hcmoco_bench.synth.room.mesh_builder import MeshBuilder

_Floats = NDArray[np.float64]

WOODS = ((176, 132, 88), (140, 96, 60), (205, 178, 140), (96, 66, 45))
METALS = ((60, 60, 64), (165, 167, 170), (35, 35, 38), (225, 225, 225))
CLOTHS = ((40, 60, 110), (60, 62, 66), (130, 40, 40), (90, 150, 40), (35, 38, 42), (150, 130, 100), (40, 100, 100))


@dataclass(frozen=True)
class Place:
    """A spot on the floor and where the front looks: `yaw` radians from world +z towards +x."""

    x: float
    z: float
    yaw: float

    def at(self, right: float, height: float, front: float) -> _Floats:
        """World point (3,) so many meters to the right, up and to the front, as one who looks at the front sees it."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return np.array([self.x + right * c + front * s, height, self.z - right * s + front * c])


def _pick(rng: np.random.Generator, colors: tuple[tuple[int, int, int], ...]) -> tuple[int, int, int]:
    return colors[int(rng.integers(len(colors)))]


def table(rng: np.random.Generator, build: MeshBuilder, place: Place, size: tuple[float, float, float]) -> None:
    """A table of (width, height, depth) meters with four legs; sometimes with a screen or papers on it."""
    width, height, depth = size
    if rng.random() < 0.5:
        top = build.material(textures.wood(rng, _pick(rng, WOODS)))
    else:
        top = build.material(textures.plain(rng, rng.integers(200, 240) * np.ones(3)))
    legs = build.material(textures.plain(rng, _pick(rng, METALS)))
    build.box(place.at(0, height - 0.0125, 0), (width, 0.025, depth), top, yaw=place.yaw, tile=0.9, cell=0.08)
    for right in (-1, 1):
        for front in (-1, 1):
            foot = place.at(right * (width / 2 - 0.05), 0, front * (depth / 2 - 0.05))
            build.cylinder(foot, 0.02, height - 0.025, legs, sides=8)
        rail = place.at(right * (width / 2 - 0.05), height - 0.06, 0)
        build.box(rail, (0.03, 0.05, depth - 0.1), legs, yaw=place.yaw)
    if height > 0.6 and rng.random() < 0.6:
        dark = build.material(textures.plain(rng, (22, 22, 24)))
        spot = rng.uniform(-0.25, 0.25) * width
        build.box(place.at(spot, height + 0.27, -0.1), (0.52, 0.31, 0.03), dark, yaw=place.yaw)
        build.cylinder(place.at(spot, height, -0.12), 0.03, 0.15, dark, sides=8)
    for _ in range(int(rng.integers(0, 4))):
        color = 0.4 * rng.integers(30, 240, 3) + 0.6 * rng.integers(60, 220)
        across, ahead = float(rng.uniform(-0.4, 0.4)) * width, float(rng.uniform(-0.3, 0.3)) * depth
        thing = build.material(textures.plain(rng, color))
        if rng.random() < 0.4:
            build.cylinder(place.at(across, height, ahead), 0.04, 0.1, thing, sides=10)
        else:
            thickness = rng.uniform(0.01, 0.08)
            center = place.at(across, height + thickness / 2, ahead)
            build.box(center, (0.22, thickness, 0.3), thing, yaw=place.yaw + rng.normal(0, 0.4))


def chair(rng: np.random.Generator, build: MeshBuilder, place: Place, *, seat: float = 0.45, back: bool = True) -> None:
    """A chair whose sitter looks to the front; `seat` is the height of its seat in meters."""
    cover = build.material(textures.cloth(rng, _pick(rng, CLOTHS)))
    metal = build.material(textures.plain(rng, _pick(rng, METALS)))
    build.box(place.at(0, seat - 0.025, 0), (0.44, 0.05, 0.43), cover, yaw=place.yaw, tile=0.15, cell=0.08)
    for right in (-0.19, 0.19):
        for front in (-0.18, 0.18):
            build.cylinder(place.at(right, 0, front), 0.014, seat - 0.05, metal, sides=6)
        if back:
            build.cylinder(place.at(right, seat, -0.21), 0.012, 0.4, metal, sides=6)
    if back:
        build.box(place.at(0, seat + 0.29, -0.215), (0.42, 0.3, 0.03), cover, yaw=place.yaw, tile=0.15, cell=0.08)


def shelf(rng: np.random.Generator, build: MeshBuilder, place: Place) -> None:
    """A tall shelf with books and folders; its back stands on the place."""
    width, height, depth = rng.uniform(0.8, 1.3), rng.uniform(1.6, 2.1), 0.32
    frame = build.material(textures.wood(rng, _pick(rng, WOODS)))
    boards = int(rng.integers(4, 6))
    build.box(place.at(0, height / 2, 0.01), (width, height, 0.02), frame, yaw=place.yaw)
    for right in (-1, 1):
        side = place.at(right * (width / 2 - 0.01), height / 2, depth / 2)
        build.box(side, (0.02, height, depth), frame, yaw=place.yaw)
    for board in range(boards + 1):
        level = 0.05 + board * (height - 0.06) / boards
        build.box(place.at(0, level, depth / 2), (width, 0.02, depth), frame, yaw=place.yaw)
        if board < boards and rng.random() < 0.85:
            row = build.material(textures.books(rng))
            gap = (height - 0.06) / boards - 0.03
            size = (width - 0.05, gap, 0.22)
            build.box(place.at(0, level + 0.012 + gap / 2, 0.13), size, frame, yaw=place.yaw, front=row)


def cabinet(rng: np.random.Generator, build: MeshBuilder, place: Place) -> None:
    """A low cabinet with doors; its back stands on the place."""
    width, height, depth = rng.uniform(0.8, 1.6), rng.uniform(0.7, 1.2), 0.42
    color = rng.integers(170, 235) * np.array([1.0, 0.99, 0.97])
    body = build.material(textures.wood(rng, _pick(rng, WOODS)) if rng.random() < 0.4 else textures.plain(rng, color))
    handle = build.material(textures.plain(rng, (50, 50, 52)))
    build.box(place.at(0, height / 2, depth / 2), (width, height, depth), body, yaw=place.yaw)
    for door in np.arange(-width / 2 + 0.2, width / 2, 0.4):
        build.box(place.at(door, height * 0.75, depth + 0.01), (0.02, 0.12, 0.02), handle, yaw=place.yaw)
        if door + 0.2 < width / 2:
            build.box(place.at(door + 0.2, height / 2, depth), (0.006, height - 0.02, 0.004), handle, yaw=place.yaw)


def sofa(rng: np.random.Generator, build: MeshBuilder, place: Place) -> None:
    """A sofa; its back stands on the place."""
    cover = build.material(textures.cloth(rng, _pick(rng, CLOTHS)))
    width = rng.uniform(1.3, 1.9)
    build.box(place.at(0, 0.22, 0.45), (width, 0.36, 0.8), cover, yaw=place.yaw, tile=0.2)
    build.box(place.at(0, 0.5, 0.12), (width, 0.6, 0.2), cover, yaw=place.yaw, tile=0.2)
    for right in (-1, 1):
        build.box(place.at(right * width / 2, 0.32, 0.45), (0.16, 0.55, 0.8), cover, yaw=place.yaw, tile=0.2)


def plant(rng: np.random.Generator, build: MeshBuilder, place: Place) -> None:
    """A pot with a leafy plant."""
    pot = build.material(textures.plain(rng, rng.choice([[190, 190, 185], [120, 70, 50], [60, 60, 60]])))
    green = build.material(textures.leaves(rng))
    build.cylinder(place.at(0, 0, 0), 0.12, 0.3, pot, top_radius=0.17)
    for _ in range(60):
        angle, length, rise = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.4), rng.uniform(0.3, 0.8)
        out = np.array([np.sin(angle), 0, np.cos(angle)])
        side = np.array([np.cos(angle), 0, -np.sin(angle)]) * rng.uniform(0.03, 0.07)
        root = place.at(0, 0.3 + 0.35 * rng.random(), 0)
        tip = out * length + np.array([0, length * rise, 0])
        build.quad(root - side / 2 + tip, side, -tip, green, cell=0.3)


def waste_bin(rng: np.random.Generator, build: MeshBuilder, place: Place) -> None:
    """A waste-paper bin."""
    layer = build.material(textures.plain(rng, _pick(rng, METALS)))
    build.cylinder(place.at(0, 0, 0), 0.11, 0.32, layer, top_radius=0.15)


def cartons(rng: np.random.Generator, build: MeshBuilder, place: Place) -> None:
    """One to three cardboard boxes on top of each other."""
    layer = build.material(textures.plain(rng, (172, 132, 92)))
    level = 0.0
    for _ in range(int(rng.integers(1, 4))):
        size = rng.uniform([0.3, 0.2, 0.25], [0.5, 0.35, 0.4])
        center = place.at(rng.normal(0, 0.03), level + size[1] / 2, 0)
        build.box(center, size, layer, yaw=place.yaw + rng.normal(0, 0.2))
        level += size[1]


def door(rng: np.random.Generator, build: MeshBuilder, place: Place) -> None:
    """A closed door in its frame; the wall is behind the place."""
    if rng.random() < 0.5:
        leaf = build.material(textures.plain(rng, rng.uniform(0.75, 1.0) * np.array([226, 224, 218])))
    else:
        grain = textures.wood(rng, _pick(rng, WOODS)).transpose(1, 0, 2)  # upright
        leaf = build.material(np.ascontiguousarray(grain))
    frame = build.material(textures.plain(rng, (90, 90, 92) if rng.random() < 0.5 else (225, 223, 220)))
    metal = build.material(textures.plain(rng, (150, 150, 152)))
    build.box(place.at(0, 1.02, 0.02), (0.9, 2.04, 0.04), leaf, yaw=place.yaw, tile=1.2)
    for right in (-0.49, 0.49):
        build.box(place.at(right, 1.05, 0.03), (0.08, 2.1, 0.06), frame, yaw=place.yaw)
    build.box(place.at(0, 2.08, 0.03), (1.06, 0.08, 0.06), frame, yaw=place.yaw)
    build.box(place.at(0.36, 1.02, 0.07), (0.12, 0.02, 0.03), metal, yaw=place.yaw)


def image_on_wall(rng: np.random.Generator, build: MeshBuilder, place: Place, kind: str) -> None:
    """A poster, whiteboard, television, clock, loudspeaker or socket on the wall behind the place."""
    if kind == "poster":
        paper = build.material(textures.poster(rng))
        width = rng.uniform(0.4, 0.8)
        size = (width, width * rng.uniform(1.2, 1.45), 0.012)
        build.box(place.at(0, rng.uniform(1.4, 1.6), 0.006), size, paper, yaw=place.yaw, front=paper)
    elif kind == "whiteboard":
        board, rim = build.material(textures.whiteboard(rng)), build.material(textures.plain(rng, (150, 152, 155)))
        width = rng.uniform(1.2, 2.0)
        build.box(place.at(0, 1.5, 0.012), (width + 0.05, 1.05, 0.024), rim, yaw=place.yaw)
        build.box(place.at(0, 1.5, 0.016), (width, 1.0, 0.024), board, yaw=place.yaw, front=board)
        build.box(place.at(0, 0.97, 0.04), (width, 0.015, 0.07), rim, yaw=place.yaw)
    elif kind == "television":
        screen = build.material(textures.plain(rng, (14, 14, 17)))
        build.box(place.at(0, 1.45, 0.04), (1.15, 0.68, 0.06), screen, yaw=place.yaw)
    elif kind == "clock":
        face, rim = build.material(textures.clock(rng)), build.material(textures.plain(rng, (60, 60, 60)))
        build.box(place.at(0, 2.15, 0.02), (0.3, 0.3, 0.04), rim, yaw=place.yaw, front=face)
    elif kind == "speaker":
        case = build.material(textures.plain(rng, (25, 25, 27)))
        build.box(place.at(0, 2.2, 0.12), (0.22, 0.36, 0.2), case, yaw=place.yaw)
    else:
        plate = build.material(textures.plain(rng, (232, 232, 228)))
        build.box(place.at(0, 0.35, 0.006), (0.15, 0.09, 0.012), plate, yaw=place.yaw)
