# Kernels are a language of their own: their signatures are Warp types, which mypy cannot read as annotations;
# float(0.0) declares a variable that changes; every condition is evaluated, so that an expensive one is nested.
# ruff: noqa: ANN202
# mypy: disable-error-code="valid-type,misc,no-untyped-def,no-any-return,unused-ignore"
"""Colors of what the color camera sees: the still room, the people in its light, and the shadows they cast."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.cameras import Pinhole
from hcmoco_bench.synth.kinect.raycast import Surface, View, true_weights
from hcmoco_bench.synth.room.lighting import RoomLight, to_linear
from hcmoco_bench.synth.room.mesh_builder import RoomMesh

TONE_STEPS = 4096
"""Entries of a camera's response table; they cover exposed radiance 0 .. TONE_TOP."""

TONE_TOP = 4.0


@wp.func
def _texel(
    textures: wp.array4d(dtype=wp.uint8), linear: wp.array(dtype=float), layer: int, row: int, column: int
) -> wp.vec3:
    return wp.vec3(
        linear[int(textures[layer, row, column, 0])],
        linear[int(textures[layer, row, column, 1])],
        linear[int(textures[layer, row, column, 2])],
    )


@wp.func
def sample_texture(
    textures: wp.array4d(dtype=wp.uint8), linear: wp.array(dtype=float), layer: int, u: float, v: float
) -> wp.vec3:
    """Bilinear linear-light albedo at repeating texture coordinates."""
    size = textures.shape[1]
    x = (u - wp.floor(u)) * float(size) - 0.5
    y = (v - wp.floor(v)) * float(size) - 0.5
    left = int(wp.floor(x))
    top = int(wp.floor(y))
    fx = x - float(left)
    fy = y - float(top)
    right = (left + 1) % size
    bottom = (top + 1) % size
    left = (left + size) % size
    top = (top + size) % size
    upper = _texel(textures, linear, layer, top, left) * (1.0 - fx) + _texel(textures, linear, layer, top, right) * fx
    lower = (
        _texel(textures, linear, layer, bottom, left) * (1.0 - fx) + _texel(textures, linear, layer, bottom, right) * fx
    )
    return upper * (1.0 - fy) + lower * fy


@wp.kernel
def _shade_room(
    keys: wp.array2d(dtype=wp.uint64),
    screen: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    face_uv: wp.array2d(dtype=wp.vec2),
    face_layer: wp.array(dtype=wp.int32),
    textures: wp.array4d(dtype=wp.uint8),
    linear: wp.array(dtype=float),
    emission: wp.array(dtype=wp.vec3),
    irradiance: wp.array(dtype=wp.vec3),
    brightest: wp.vec3,
    image: wp.array2d(dtype=wp.vec3),
):
    i, j = wp.tid()
    key = keys[i, j]
    if key == wp.uint64(0xFFFFFFFFFFFFFFFF):
        return
    f = wp.int32(key & wp.uint64(0xFFFFFFFF))
    a = faces[f, 0]
    b = faces[f, 1]
    c = faces[f, 2]
    w = true_weights(screen[a], screen[b], screen[c], float(j), float(i))
    uv = face_uv[f, 0] * w[0] + face_uv[f, 1] * w[1] + face_uv[f, 2] * w[2]
    layer = face_layer[f]
    albedo = sample_texture(textures, linear, layer, uv[0], uv[1])
    light = irradiance[a] * w[0] + irradiance[b] * w[1] + irradiance[c] * w[2]
    glow = wp.cw_mul(wp.min(emission[layer], brightest), albedo)
    if emission[layer][0] > 0.0:
        light = wp.vec3(0.0, 0.0, 0.0)
    image[i, j] = image[i, j] + wp.cw_mul(albedo, light) * 0.31831 + glow


@dataclass(frozen=True, eq=False)
class Backdrop:
    """A room without people, as one color camera sees it.

    Attributes:
        radiance: (H, W, 3) float32 linear RGB.
        z: (H, W) float32 meters, depth in the color camera; infinite where nothing is.
    """

    radiance: NDArray[np.float32]
    z: NDArray[np.float32]


_JITTER = ((0.0, 0.0), (0.5, 0.17), (-0.33, 0.5), (0.25, -0.42))
"""Where in a pixel the rays of the passes go that are averaged; the first, in its center, gives the depth."""


def render_backdrop(mesh: RoomMesh, surface: Surface, light: RoomLight, view: View, passes: int = 3) -> Backdrop:
    """Render a room; edges are smoothed by averaging `passes` images shifted by fractions of a pixel."""
    device, camera = surface.device, view.camera
    shape = (camera.height, camera.width)
    image = wp.zeros(shape, dtype=wp.vec3, device=device)
    constant = [
        wp.array(mesh.face_uv, dtype=wp.vec2, device=device),
        wp.array(mesh.face_layer, dtype=wp.int32, device=device),
        wp.array(mesh.textures, dtype=wp.uint8, device=device),
        wp.array(to_linear(np.arange(256, dtype=np.uint8)), dtype=float, device=device),
        wp.array(mesh.emission, dtype=wp.vec3, device=device),
        wp.array(light.irradiance, dtype=wp.vec3, device=device),
    ]
    # Lamps are shown no brighter than a camera would: otherwise their edges could not be smoothed by averaging.
    brightest = wp.vec3(2.0 * np.quantile(light.irradiance, 0.9, axis=0) / np.pi)
    depth = np.empty(shape, np.float32)
    for number, (dx, dy) in enumerate(_JITTER[:passes]):
        shifted = Pinhole(camera.fx, camera.fy, camera.cx + dx, camera.cy + dy, camera.width, camera.height)
        screen = surface.project(View(shifted, view.pose))
        keys = surface.first_hits(screen, view.whole)
        inputs = [keys, screen, surface.faces, *constant, brightest, image]
        wp.launch(_shade_room, dim=shape, inputs=inputs, device=device)
        if number == 0:
            depth = z_of_keys(keys.numpy())
    return Backdrop(image.numpy() / np.float32(passes), depth)


def z_of_keys(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    """Depth z in meters of the keys of `Surface.first_hits`; infinite where nothing was hit."""
    z = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    return np.where(np.isnan(z), np.float32(np.inf), z)
