# Kernels are a language of their own: their signatures are Warp types, which mypy cannot read as annotations;
# float(0.0) declares a variable that changes; every condition is evaluated, so that an expensive one is nested.
# ruff: noqa: ANN202, SIM102
# mypy: disable-error-code="valid-type,misc,no-untyped-def,no-any-return,unused-ignore"
"""Light of a room: what reaches each corner of its mesh from lamps, windows and walls, and what reaches the people.

Direct light is sampled on the lamps and windows with shadow rays; light that bounced comes from one round of rays to
surfaces of known direct light, plus an even share for all further bounces. For people, the room as seen from the spot
is gathered into DIRECTIONS lobes of light.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import warp as wp
from numpy.typing import NDArray

from hcmoco_bench.synth.kinect.cameras import Floats
from hcmoco_bench.synth.kinect.raycast import Surface
from hcmoco_bench.synth.room.mesh_builder import RoomMesh

DIRECTIONS = 32
"""Lobes of light for people; one bit each in the visibility masks of vertices."""

_BOUNCES = 24
_ROOM_RAYS = 6000


def to_linear(srgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Linear values 0..1 of sRGB bytes."""
    values = np.arange(256) / 255.0
    table = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.asarray(table[srgb])


def sphere_directions(count: int) -> Floats:
    """Unit vectors (count, 3) spread evenly over the sphere (Fibonacci spiral)."""
    index = np.arange(count) + 0.5
    y = 1 - 2 * index / count
    angle = index * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - y * y)
    return np.stack([radius * np.cos(angle), y, radius * np.sin(angle)], axis=1)


@wp.kernel
def _direct(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    lamp_points: wp.array(dtype=wp.vec3),
    lamp_normals: wp.array(dtype=wp.vec3),
    lamp_power: wp.array(dtype=wp.vec3),
    light: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    n = normals[i]
    p = points[i] + n * 0.004
    total = wp.vec3(0.0, 0.0, 0.0)
    for k in range(lamp_points.shape[0]):
        step = lamp_points[k] - p
        square = wp.max(wp.dot(step, step), 0.04)
        length = wp.sqrt(square)
        d = step / length
        facing = wp.dot(n, d) * -wp.dot(lamp_normals[k], d)
        if wp.dot(n, d) > 0.0 and facing > 0.0:
            if not wp.mesh_query_ray_anyhit(mesh, p, d, length - 0.06):
                total = total + lamp_power[k] * (facing / square)
    light[i] = total


@wp.kernel
def _bounced(
    mesh: wp.uint64,
    points: wp.array(dtype=wp.vec3),
    normals: wp.array(dtype=wp.vec3),
    lobes: wp.array(dtype=wp.vec3),
    faces: wp.array2d(dtype=wp.int32),
    albedo: wp.array(dtype=wp.vec3),
    direct: wp.array(dtype=wp.vec3),
    even: wp.vec3,
    light: wp.array(dtype=wp.vec3),
):
    i = wp.tid()
    n = normals[i]
    p = points[i] + n * 0.004
    side = wp.vec3(1.0, 0.0, 0.0)
    if wp.abs(n[0]) > 0.7:
        side = wp.vec3(0.0, 0.0, 1.0)
    u = wp.normalize(wp.cross(side, n))
    v = wp.cross(n, u)
    total = wp.vec3(0.0, 0.0, 0.0)
    for k in range(lobes.shape[0]):
        d = u * lobes[k][0] + n * lobes[k][1] + v * lobes[k][2]
        hit = wp.mesh_query_ray(mesh, p, d, 50.0)
        if hit.result:
            f = hit.face
            a = direct[faces[f, 0]] * hit.u + direct[faces[f, 1]] * hit.v
            a = a + direct[faces[f, 2]] * (1.0 - hit.u - hit.v) + even
            # Where a crevice is nearly closed the even share must not leak in.
            near = wp.min(hit.t / 0.1, 1.0)
            total = total + wp.cw_mul(albedo[f], a) * (0.7 + 0.3 * near)
    light[i] = direct[i] + total / float(lobes.shape[0])


def _face_albedo(mesh: RoomMesh) -> NDArray[np.float32]:
    mean = to_linear(mesh.textures).mean(axis=(1, 2))
    mean[mesh.emission.any(axis=1)] = 0.0  # lamps are counted as direct light
    return np.asarray(mean[mesh.face_layer], np.float32)


def _light_samples(mesh: RoomMesh) -> tuple[Floats, Floats, Floats]:
    """Points, normals and power (radiance times area) of the faces that send out light, four points a face at most."""
    bright = np.flatnonzero(mesh.emission[mesh.face_layer].any(axis=1))
    corners = mesh.vertices[mesh.faces[bright]].astype(np.float64)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(cross, axis=1) / 2
    # Windows have many faces; thinning them keeps their power.
    step = max(1, len(bright) // 40)
    kept = np.arange(0, len(bright), step)
    power = mesh.emission[mesh.face_layer[bright]] * area[:, None]
    scale = power.sum(axis=0) / np.maximum(power[kept].sum(axis=0), 1e-12)
    normals = mesh.normals[mesh.faces[bright[kept], 0]]
    return corners[kept].mean(axis=1), normals.astype(np.float64), power[kept] * scale


@dataclass(frozen=True, eq=False)
class RoomLight:
    """Light in a room.

    Attributes:
        irradiance: (V, 3) float32 at the room mesh's corners, linear RGB in units where a white surface of
            irradiance E has radiance E / pi.
        directions: (DIRECTIONS, 3) float32 unit vectors towards the lobes that light a person on the spot.
        lobes: (DIRECTIONS, 3) float32 irradiance of a surface facing each of them.
    """

    irradiance: NDArray[np.float32]
    directions: NDArray[np.float32]
    lobes: NDArray[np.float32]


def light_room(mesh: RoomMesh, surface: Surface) -> RoomLight:
    """Light a room.

    Args:
        mesh: The room.
        surface: The same triangles on a device.
    """
    device = surface.device

    def upload(values: NDArray[np.floating]) -> wp.array:
        return wp.array(np.ascontiguousarray(values, np.float32), dtype=wp.vec3, device=device)

    count = len(mesh.vertices)
    points, normals = upload(mesh.probes), upload(mesh.normals)
    lamps = [upload(values) for values in _light_samples(mesh)]
    direct = wp.zeros(count, dtype=wp.vec3, device=device)
    wp.launch(_direct, dim=count, inputs=[surface.mesh.id, points, normals, *lamps, direct], device=device)
    albedo = _face_albedo(mesh)
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    first = direct.numpy()[mesh.faces].mean(axis=1)
    mean_albedo = np.average(albedo, axis=0, weights=area)
    # Second and later bounces: a geometric series of the room's mean albedo.
    even = np.average(first * albedo, axis=0, weights=area) / np.maximum(1 - mean_albedo, 0.3)
    index = np.arange(_BOUNCES) + 0.5
    angle, radius = index * np.pi * (3 - np.sqrt(5)), np.sqrt(index / _BOUNCES)
    hemisphere = np.stack([radius * np.cos(angle), np.sqrt(1 - radius**2), radius * np.sin(angle)], axis=1)
    total = wp.zeros(count, dtype=wp.vec3, device=device)
    inputs = [surface.mesh.id, points, normals, upload(hemisphere), surface.faces, upload(albedo), direct]
    wp.launch(_bounced, dim=count, inputs=[*inputs, wp.vec3(even), total], device=device)
    irradiance = total.numpy()
    directions, lobes = _light_on_people(mesh, surface, irradiance, albedo)
    return RoomLight(irradiance, directions, lobes)


def _light_on_people(
    mesh: RoomMesh, surface: Surface, irradiance: NDArray[np.float32], albedo: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Gather what a person on the spot sees of the room into lobes: directions and irradiance of each."""
    rays = sphere_directions(_ROOM_RAYS)
    face, _ = surface.trace(np.array([0.0, 1.3, 0.1]), rays)
    seen = np.where(
        mesh.emission[mesh.face_layer[face]] > 0,
        mesh.emission[mesh.face_layer[face]],
        albedo[face] * irradiance[mesh.faces[face]].mean(axis=1) / np.pi,
    )
    seen[face < 0] = 0.0
    # A lobe holds the rays nearest to its start, then moves to their center of light.
    starts = sphere_directions(DIRECTIONS)
    owner = np.argmax(rays @ starts.T, axis=1)
    weight = seen.mean(axis=1) + 1e-6
    centers = np.stack([np.bincount(owner, weight * rays[:, axis], DIRECTIONS) for axis in range(3)], axis=1)
    centers /= np.maximum(np.linalg.norm(centers, axis=1, keepdims=True), 1e-9)
    solid_angle = 4 * np.pi / _ROOM_RAYS
    lobes = np.stack([np.bincount(owner, seen[:, axis], DIRECTIONS) for axis in range(3)], axis=1) * solid_angle
    return centers.astype(np.float32), lobes.astype(np.float32)


def tone_table(size: int, top: float) -> NDArray[np.uint8]:
    """Byte values of a camera's response: the sRGB curve with a soft shoulder.

    Args:
        size: Entries.
        top: Exposed radiance of the last entry; the entries are evenly spaced from 0.

    Returns:
        (size,) uint8.
    """
    values = np.linspace(0, top, size)
    knee = 0.7
    soft = np.where(values < knee, values, knee + (1 - knee) * (1 - np.exp(-(values - knee) / (1 - knee))))
    curve = np.where(soft <= 0.0031308, 12.92 * soft, 1.055 * np.maximum(soft, 1e-9) ** (1 / 2.4) - 0.055)
    return np.round(np.clip(curve, 0, 1) * 255).astype(np.uint8)
