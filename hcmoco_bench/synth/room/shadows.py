# Kernels are a language of their own: their signatures are Warp types, which mypy cannot read as annotations;
# float(0.0) declares a variable that changes; every condition is evaluated, so that an expensive one is nested.
# ruff: noqa: ANN202, UP018, SIM114
# mypy: disable-error-code="valid-type,misc,no-untyped-def,no-any-return,unused-ignore"
"""Soft shadows that people cast on the room, traced for every few pixels of the color image and spread out."""

from __future__ import annotations

import cv2
import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.cameras import Pinhole
from hcmoco_bench.synth.kinect.raycast import Box, Surface, View, box_around
from hcmoco_bench.synth.room.lighting import RoomLight
from hcmoco_bench.synth.room.mesh_builder import RoomMesh

STEP = 8
"""One shadow value for so many pixels across and down."""

_REACH = 1.8
"""People do not shade what is further than this from the upright cylinder around them, meters."""

_FLOOR = 0.03
"""Surfaces lower than this are floor, meters."""

_SOLE = 0.08
"""What is lower than this darkens the floor next to it, meters."""

_CELL = 0.01
"""Cell of the grid on the floor in which soles are drawn, meters."""

_SPREAD = 0.16
"""How far rays stray from a lobe's middle, radians: half the size of a lamp as seen from the floor."""


@wp.kernel
def _cast(
    mesh: wp.uint64,
    points: wp.array2d(dtype=wp.vec3),
    normals: wp.array2d(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    power: wp.array(dtype=float),
    middle: wp.vec3,
    radius: float,
    reach: float,
    spread: float,
    shade: wp.array2d(dtype=float),
):
    i, j = wp.tid()
    n = normals[i, j]
    p = points[i, j]
    away = wp.vec3(p[0] - middle[0], 0.0, p[2] - middle[2])
    shade[i, j] = 1.0
    if wp.length(away) > reach or wp.dot(n, n) < 0.5:
        return
    start = p + n * 0.01
    # A fixed pattern over 4 x 4 neighbors; blurring the result makes a lobe's shadow soft.
    cell = (i % 4) * 4 + (j % 4)
    total = float(0.0)
    unhidden = float(0.0)
    for k in range(directions.shape[0]):
        angle = 2.39996 * float((cell * 7 + k * 5) % 16)
        stray = spread * wp.sqrt((float((cell * 5 + k * 3) % 16) + 0.5) / 16.0)
        d = directions[k] + wp.vec3(stray * wp.cos(angle), stray * wp.sin(angle) * 0.5, stray * wp.sin(angle))
        facing = wp.dot(n, d) * power[k]
        if facing > 0.0:
            total = total + facing
            # Most rays pass the upright cylinder around the people by; that is quickly told.
            flat = wp.max(d[0] * d[0] + d[2] * d[2], 1.0e-9)
            side = away[0] * d[2] - away[2] * d[0]
            if side * side > radius * radius * flat:
                unhidden = unhidden + facing
            elif not wp.mesh_query_ray_anyhit(mesh, start, wp.normalize(d), 3.0):
                unhidden = unhidden + facing
    if total > 0.0:
        shade[i, j] = unhidden / total


class ShadowCatcher:
    """The surfaces of a room as one color camera sees them, ready to be shaded.

    Args:
        mesh: The room.
        surface: The same triangles on a device.
        light: Its light.
        view: The color camera.
    """

    def __init__(self, mesh: RoomMesh, surface: Surface, light: RoomLight, view: View) -> None:
        camera = view.camera
        self.width, self.height = camera.width, camera.height
        columns, rows = -(-camera.width // STEP), -(-camera.height // STEP)
        # Pixel (X, Y) of the coarse image looks through the middle of a block of STEP x STEP pixels.
        shift = (STEP - 1) / 2
        coarse = Pinhole(
            camera.fx / STEP,
            camera.fy / STEP,
            (camera.cx - shift) / STEP,
            (camera.cy - shift) / STEP,
            columns,
            rows,
        )
        face, z = surface.see(View(coarse, view.pose))
        x, y = np.meshgrid(np.arange(columns), np.arange(rows))
        local = coarse.unproject(np.stack([x, y], axis=-1), z)
        points = (local - view.pose[:, 3]) @ view.pose[:, :3]
        normals = np.where((face >= 0)[..., None], mesh.normals[mesh.faces[face, 0]], 0.0)
        strength = light.lobes.mean(axis=1)
        kept = strength > 0.02 * strength.sum()
        self.device = surface.device
        self._points = wp.array(points.astype(np.float32), dtype=wp.vec3, device=self.device)
        self._normals = wp.array(normals.astype(np.float32), dtype=wp.vec3, device=self.device)
        self._directions = wp.array(light.directions[kept], dtype=wp.vec3, device=self.device)
        self._power = wp.array(strength[kept], dtype=float, device=self.device)
        self._kept = float(strength[kept].sum() / strength.sum())
        self._view = view
        height = cv2.resize(points[..., 1].astype(np.float32), None, fx=STEP, fy=STEP, interpolation=cv2.INTER_LINEAR)
        self._floor = np.asarray(height[: self.height, : self.width] < _FLOOR, np.float32)

    def shade(self, people: Surface) -> list[tuple[Box, NDArray[np.uint8]]]:
        """The shadows of people where they are now.

        Returns:
            Boxes and, for their pixels, factors (h, w) uint8 on *displayed* values: 255 = no shadow. An image is
            multiplied by all of them; there are none if no shadow is on it.
        """
        points = people.points.numpy()
        shadows = (self._cast_shadows(people, points), self._contact_shadows(points))
        return [shadow for shadow in shadows if shadow is not None]

    def _cast_shadows(self, people: Surface, points: NDArray[np.float32]) -> tuple[Box, NDArray[np.uint8]] | None:
        """What people take away of the light from lamps and windows."""
        middle = (points.min(axis=0) + points.max(axis=0)) / 2
        radius = float(np.hypot(points[:, 0] - middle[0], points[:, 2] - middle[2]).max()) + 0.02
        coarse = wp.empty(self._points.shape, dtype=float, device=self.device)
        inputs = [people.mesh.id, self._points, self._normals, self._directions, self._power, wp.vec3(middle), radius]
        wp.launch(_cast, dim=coarse.shape, inputs=[*inputs, radius + _REACH, _SPREAD, coarse], device=self.device)
        unhidden = cv2.GaussianBlur(cv2.blur(coarse.numpy(), (4, 4)), (0, 0), 0.7)
        factor = _displayed(1.0 - self._kept * (1.0 - np.asarray(unhidden, np.float32)))
        rows, columns = np.flatnonzero((factor < 255).any(axis=1)), np.flatnonzero((factor < 255).any(axis=0))
        if not len(rows):
            return None
        top, bottom = max(int(rows[0]) - 1, 0), min(int(rows[-1]) + 2, factor.shape[0])
        left, right = max(int(columns[0]) - 1, 0), min(int(columns[-1]) + 2, factor.shape[1])
        patch = factor[top:bottom, left:right]
        size = (patch.shape[1] * STEP, patch.shape[0] * STEP)
        fine = np.asarray(cv2.resize(patch, size, interpolation=cv2.INTER_LINEAR), np.uint8)
        box = Box(
            left * STEP, top * STEP, min(size[0], self.width - left * STEP), min(size[1], self.height - top * STEP)
        )
        return box, fine[: box.height, : box.width]

    def _contact_shadows(self, points: NDArray[np.float32]) -> tuple[Box, NDArray[np.uint8]] | None:
        """The dark rim around soles on the floor, too narrow for rays through every eighth pixel."""
        low = points[points[:, 1] < _SOLE]
        if not len(low):
            return None
        start = low[:, [0, 2]].min(axis=0) - 20 * _CELL
        cells = np.floor((low[:, [0, 2]] - start) / _CELL).astype(int)
        columns, rows = cells.max(axis=0) + 21
        if max(columns, rows) * _CELL > 6.0:
            return None
        trodden = np.zeros((rows, columns), np.float32)
        np.maximum.at(trodden, (cells[:, 1], cells[:, 0]), 1 - low[:, 1] / _SOLE)
        closed = cv2.morphologyEx(trodden, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        dark = 0.75 * cv2.GaussianBlur(closed, (0, 0), 1.5) + 0.6 * cv2.GaussianBlur(closed, (0, 0), 5.0)
        # The floor is a plane: four of its points tell where all cells are on the image.
        corners = np.array([[0, 0], [columns - 1, 0], [columns - 1, rows - 1], [0, rows - 1]], np.float64)
        world = np.stack(
            [start[0] + (corners[:, 0] + 0.5) * _CELL, np.zeros(4), start[1] + (corners[:, 1] + 0.5) * _CELL]
        )
        pose = self._view.pose
        screen = np.concatenate(
            [self._view.camera.project(world.T @ pose[:, :3].T + pose[:, 3]), np.ones((4, 1))], axis=1
        ).astype(np.float32)
        box = box_around(np.nan_to_num(screen, nan=1e6), self._view, 1)
        if box is None or np.isnan(screen).any():
            return None
        target = (screen[:, :2] - np.array([box.x, box.y], np.float32)).astype(np.float32)
        mapping = cv2.getPerspectiveTransform(corners.astype(np.float32), target)
        seen = cv2.warpPerspective(np.asarray(dark, np.float32), mapping, (box.width, box.height))
        return box, _displayed(1.0 - np.minimum(np.asarray(seen, np.float32), 0.85) * self._floor[box.slices])


def _displayed(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Share of light left as a factor on displayed values; what is hardly darker than nothing becomes nothing."""
    factor = 255 * np.maximum(light, 0.02) ** (1 / 2.2)
    return np.round(np.minimum(factor + 3, 255)).astype(np.uint8)
