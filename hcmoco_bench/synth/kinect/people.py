# Kernels are a language of their own: their signatures are Warp types, which mypy cannot read as annotations;
# float(0.0) declares a variable that changes; every condition is evaluated, so that an expensive one is nested.
# ruff: noqa: ANN202, UP018, SIM102
# mypy: disable-error-code="valid-type,misc,no-untyped-def,no-any-return,unused-ignore"
"""All people of a clip as one mesh on a device: moved frame by frame, lit, and seen by both cameras of a Kinect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.raycast import Box, Surface, View, box_around, true_weights
from hcmoco_bench.synth.kinect.shading import sample_texture
from hcmoco_bench.synth.kinect.warp_runtime import start_warp
from hcmoco_bench.synth.room.lighting import DIRECTIONS, RoomLight, to_linear


class FigureLike(Protocol):
    """What is needed of a person's surface; see `performer.Figure`."""

    @property
    def faces(self) -> NDArray[np.int32]:
        """(F, 3) vertex indices."""

    @property
    def face_uv(self) -> NDArray[np.float32]:
        """(F, 3, 2) in [0, 1], u right, v down."""

    @property
    def face_parts(self) -> NDArray[np.uint8]:
        """(F,) class index of the part."""

    @property
    def texture(self) -> NDArray[np.uint8]:
        """(T, T, 3) sRGB albedo."""


@wp.kernel
def _add_normals(points: wp.array(dtype=wp.vec3), faces: wp.array2d(dtype=wp.int32), normals: wp.array(dtype=wp.vec3)):
    t = wp.tid()
    a = points[faces[t, 0]]
    n = wp.cross(points[faces[t, 1]] - a, points[faces[t, 2]] - a)
    wp.atomic_add(normals, faces[t, 0], n)
    wp.atomic_add(normals, faces[t, 1], n)
    wp.atomic_add(normals, faces[t, 2], n)


@wp.kernel
def _open_sky(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    eye: wp.vec3,
    reach: float,
    masks: wp.array(dtype=wp.uint32),
):
    i = wp.tid()
    n = wp.normalize(normals[i])
    bits = wp.uint32(0)
    # Only what the camera may see is looked after.
    if wp.dot(n, wp.normalize(eye - points[i])) > -0.35:
        start = points[i] + n * 0.012
        for k in range(directions.shape[0]):
            if wp.dot(n, directions[k]) > 0.0:
                if not wp.mesh_query_ray_anyhit(mesh, start, directions[k], reach):
                    bits = bits | (wp.uint32(1) << wp.uint32(k))
    masks[i] = bits


@wp.kernel
def _light_vertices(
    normals: wp.array(dtype=wp.vec3),
    directions: wp.array(dtype=wp.vec3),
    lobes: wp.array(dtype=wp.vec3),
    before: wp.array(dtype=wp.uint32),
    after: wp.array(dtype=wp.uint32),
    share: float,
    light: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    n = wp.normalize(normals[i])
    total = wp.vec3(0.0, 0.0, 0.0)
    for k in range(directions.shape[0]):
        facing = wp.dot(n, directions[k])
        if facing > 0.0:
            bit = wp.uint32(1) << wp.uint32(k)
            seen = float(0.0)
            if (before[i] & bit) != wp.uint32(0):
                seen = seen + 1.0 - share
            if (after[i] & bit) != wp.uint32(0):
                seen = seen + share
            # Even a hidden direction sends some light that bounced off the body itself.
            total = total + lobes[k] * (facing * (0.12 + 0.88 * seen))
    light[i] = total


@wp.kernel
def _shade_people(
    keys: wp.array2d(dtype=wp.uint64),
    screen: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    face_uv: wp.array2d(dtype=wp.vec2),
    face_layer: wp.array(dtype=wp.int32),
    textures: wp.array4d(dtype=wp.uint8),
    linear: wp.array(dtype=float),
    light: wp.array(dtype=wp.vec3),
    room_z: wp.array2d(dtype=float),
    response: wp.array(dtype=wp.uint8),
    gain: wp.vec3,
    x0: int,
    y0: int,
    image: wp.array3d(dtype=wp.uint8),
    cover: wp.array2d(dtype=wp.uint8),
):
    i, j = wp.tid()
    key = keys[i, j]
    cover[i, j] = wp.uint8(0)
    if key == wp.uint64(0xFFFFFFFFFFFFFFFF):
        return
    z = wp.cast(wp.uint32(key >> wp.uint64(32)), float)
    if z > room_z[i + y0, j + x0]:
        return
    f = wp.int32(key & wp.uint64(0xFFFFFFFF))
    a = faces[f, 0]
    b = faces[f, 1]
    c = faces[f, 2]
    w = true_weights(screen[a], screen[b], screen[c], float(j + x0), float(i + y0))
    uv = face_uv[f, 0] * w[0] + face_uv[f, 1] * w[1] + face_uv[f, 2] * w[2]
    albedo = sample_texture(textures, linear, face_layer[f], uv[0], uv[1])
    value = wp.cw_mul(wp.cw_mul(albedo, light[a] * w[0] + light[b] * w[1] + light[c] * w[2]), gain)
    last = response.shape[0] - 1
    for k in range(3):
        image[i, j, k] = response[wp.clamp(int(value[k]), 0, last)]
    cover[i, j] = wp.uint8(255)


@wp.kernel
def _sense_people(
    keys: wp.array2d(dtype=wp.uint64),
    screen: wp.array(dtype=wp.vec3),
    points: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    face_uv: wp.array2d(dtype=wp.vec2),
    face_layer: wp.array(dtype=wp.int32),
    face_part: wp.array(dtype=wp.uint8),
    textures: wp.array4d(dtype=wp.uint8),
    linear: wp.array(dtype=float),
    room_z: wp.array2d(dtype=float),
    eye: wp.vec3,
    x0: int,
    y0: int,
    z: wp.array2d(dtype=float),
    part: wp.array2d(dtype=wp.uint8),
    person: wp.array2d(dtype=wp.uint8),
    albedo: wp.array2d(dtype=float),
    facing: wp.array2d(dtype=float),
):
    i, j = wp.tid()
    z[i, j] = 0.0
    part[i, j] = wp.uint8(0)
    person[i, j] = wp.uint8(0)
    key = keys[i, j]
    if key == wp.uint64(0xFFFFFFFFFFFFFFFF):
        return
    depth = wp.cast(wp.uint32(key >> wp.uint64(32)), float)
    if depth > room_z[i + y0, j + x0]:
        return
    f = wp.int32(key & wp.uint64(0xFFFFFFFF))
    a = faces[f, 0]
    b = faces[f, 1]
    c = faces[f, 2]
    w = true_weights(screen[a], screen[b], screen[c], float(j + x0), float(i + y0))
    uv = face_uv[f, 0] * w[0] + face_uv[f, 1] * w[1] + face_uv[f, 2] * w[2]
    color = sample_texture(textures, linear, face_layer[f], uv[0], uv[1])
    n = wp.normalize(wp.cross(points[b] - points[a], points[c] - points[a]))
    z[i, j] = depth
    part[i, j] = face_part[f]
    person[i, j] = wp.uint8(face_layer[f] + 1)
    albedo[i, j] = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2]
    facing[i, j] = wp.abs(wp.dot(n, wp.normalize(eye - points[a])))


@dataclass(frozen=True, eq=False)
class DepthView:
    """What the depth camera's rays hit of the people inside a box.

    Attributes:
        box: Where in the depth image.
        z: (h, w) float32 meters, 0 where no person is visible.
        part: (h, w) uint8 class index 1..24, 0 where no person is.
        person: (h, w) uint8, 1 for the first person, 0 for nobody.
        albedo: (h, w) float32 gray reflectance 0..1; only where a person is.
        facing: (h, w) float32 cosine between the surface's normal and the ray; only where a person is.
    """

    box: Box
    z: NDArray[np.float32]
    part: NDArray[np.uint8]
    person: NDArray[np.uint8]
    albedo: NDArray[np.float32]
    facing: NDArray[np.float32]


class People:
    """The people of a clip.

    Args:
        figures: One a person.
        device: Warp's name of the device.
    """

    def __init__(self, figures: Sequence[FigureLike], device: str) -> None:
        start_warp()
        self.device = device
        self._figures = figures
        self._surface: Surface | None = None
        self._normals: wp.array | None = None
        sizes = [len(figure.faces) for figure in figures]
        parts = np.concatenate([figure.face_parts for figure in figures]).astype(np.uint8)
        layer = np.repeat(np.arange(len(figures), dtype=np.int32), sizes)
        uv = np.concatenate([figure.face_uv for figure in figures]).astype(np.float32)
        textures = np.stack([figure.texture for figure in figures])
        self._uv = wp.array(uv, dtype=wp.vec2, device=device)
        self._layer = wp.array(layer, dtype=wp.int32, device=device)
        self._part = wp.array(parts, dtype=wp.uint8, device=device)
        self._textures = wp.array(textures, dtype=wp.uint8, device=device)
        self._linear = wp.array(to_linear(np.arange(256, dtype=np.uint8)), dtype=float, device=device)

    def move(self, vertices: Sequence[NDArray[np.float32]]) -> None:
        """Put every person's vertices (V, 3), world meters, where they are in this frame."""
        together = np.concatenate(vertices).astype(np.float32, copy=False)
        if self._surface is None:
            starts = np.cumsum([0] + [len(part) for part in vertices[:-1]])
            faces = np.concatenate(
                [figure.faces + start for figure, start in zip(self._figures, starts, strict=True)]
            ).astype(np.int32)
            self._surface = Surface(together, faces, self.device)
        else:
            self._surface.move(together)
        self.surface.mesh  # noqa: B018 (built once, then refitted by every move)
        self._normals = None

    @property
    def surface(self) -> Surface:
        """The triangles where they are now."""
        if self._surface is None:
            raise RuntimeError("People.move must come first")
        return self._surface

    @property
    def normals(self) -> wp.array:
        """(V,) vec3 sums of the normals around each vertex, not of unit length."""
        if self._normals is None:
            self._normals = wp.zeros(len(self.surface.points), dtype=wp.vec3, device=self.device)
            inputs = [self.surface.points, self.surface.faces, self._normals]
            wp.launch(_add_normals, dim=self.surface.faces.shape[0], inputs=inputs, device=self.device)
        return self._normals

    def open_sky(self, light: RoomLight, view: View, reach: float = 1.2) -> wp.array:
        """(V,) uint32 masks: bit k says that no body within `reach` meters hides lobe k of the light."""
        masks = wp.empty(len(self.surface.points), dtype=wp.uint32, device=self.device)
        directions = wp.array(light.directions, dtype=wp.vec3, device=self.device)
        inputs = [self.surface.mesh.id, self.surface.points, self.normals, directions, wp.vec3(view.position), reach]
        wp.launch(_open_sky, dim=len(masks), inputs=[*inputs, masks], device=self.device)
        return masks

    def light(self, light: RoomLight, before: wp.array, after: wp.array, share: float) -> wp.array:
        """(V,) vec3 irradiance; the open sky is `share` of the way from the masks `before` to those `after`."""
        result = wp.empty(len(self.surface.points), dtype=wp.vec3, device=self.device)
        if light.directions.shape != (DIRECTIONS, 3):
            raise ValueError(f"light must have {DIRECTIONS} lobes, not {light.directions.shape}")
        lobes = [wp.array(values, dtype=wp.vec3, device=self.device) for values in (light.directions, light.lobes)]
        inputs = [self.normals, *lobes, before, after, share, result]
        wp.launch(_light_vertices, dim=len(result), inputs=inputs, device=self.device)
        return result

    def in_color(
        self, view: View, irradiance: wp.array, room_z: wp.array, response: wp.array, gain: NDArray[np.float64]
    ) -> tuple[Box, NDArray[np.uint8], NDArray[np.uint8]] | None:
        """The people as the color camera sees them.

        Args:
            view: The color camera.
            irradiance: From `light`.
            room_z: (H, W) float32 on the device: depth of the room in this view.
            response: (N,) uint8 on the device: byte value by exposed radiance.
            gain: (3,) entries of `response` per unit of radiance, for red, green and blue.

        Returns:
            The box with them, their colors (h, w, 3) and where they are visible (h, w), 255 or 0; None if nobody is
            on the image.
        """
        screen = self.surface.project(view)
        box = box_around(screen.numpy(), view, 4)
        if box is None:
            return None
        shape = (box.height, box.width)
        keys = self.surface.first_hits(screen, box)
        image = wp.zeros((*shape, 3), dtype=wp.uint8, device=self.device)
        cover = wp.empty(shape, dtype=wp.uint8, device=self.device)
        inputs = [keys, screen, self.surface.faces, self._uv, self._layer, self._textures, self._linear, irradiance]
        inputs += [room_z, response, wp.vec3(gain / np.pi), box.x, box.y, image, cover]
        wp.launch(_shade_people, dim=shape, inputs=inputs, device=self.device)
        return box, image.numpy(), cover.numpy()

    def in_depth(self, view: View, room_z: wp.array, margin: int = 6) -> DepthView | None:
        """The people as the depth camera's rays find them; None if nobody is on the image."""
        screen = self.surface.project(view)
        box = box_around(screen.numpy(), view, margin)
        if box is None:
            return None
        shape = (box.height, box.width)
        keys = self.surface.first_hits(screen, box)
        z, albedo, facing = (wp.zeros(shape, dtype=float, device=self.device) for _ in range(3))
        part, person = (wp.empty(shape, dtype=wp.uint8, device=self.device) for _ in range(2))
        inputs = [keys, screen, self.surface.points, self.surface.faces, self._uv, self._layer, self._part]
        inputs += [self._textures, self._linear, room_z, wp.vec3(view.position), box.x, box.y]
        inputs += [z, part, person, albedo, facing]
        wp.launch(_sense_people, dim=shape, inputs=inputs, device=self.device)
        return DepthView(box, z.numpy(), part.numpy(), person.numpy(), albedo.numpy(), facing.numpy())
