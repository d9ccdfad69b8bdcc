"""Collects the quads, boxes and cylinders of a room into one finely divided mesh with textures and normals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hcmoco_bench.synth.room.textures import Image

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoomMesh:
    """Everything in a room that does not move.

    Attributes:
        vertices: (V, 3) float32 world meters; not shared between surfaces, so that normals and light stay crisp.
        normals: (V, 3) float32, unit, towards the side that is meant to be seen.
        probes: (V, 3) float32 where the light of each vertex is measured: the vertex, or near the rim of a surface a
            point a little inwards, so that corners of a room are not darker than they should be.
        faces: (F, 3) int32.
        face_uv: (F, 3, 2) float32 texture coordinates, repeating with period 1; u right, v down.
        face_layer: (F,) int32 index into `textures`.
        textures: (L, T, T, 3) uint8 sRGB albedo.
        emission: (L, 3) float32 radiance that a layer sends out by itself; zeros for what is only lit.
    """

    vertices: NDArray[np.float32]
    normals: NDArray[np.float32]
    probes: NDArray[np.float32]
    faces: NDArray[np.int32]
    face_uv: NDArray[np.float32]
    face_layer: NDArray[np.int32]
    textures: NDArray[np.uint8]
    emission: NDArray[np.float32]


class MeshBuilder:
    """Adds surfaces one after another; `cell` is the largest edge of a piece in meters (light is kept per corner)."""

    def __init__(self) -> None:
        self._vertices: list[_Floats] = []
        self._normals: list[_Floats] = []
        self._probes: list[_Floats] = []
        self._faces: list[NDArray[np.int32]] = []
        self._uv: list[_Floats] = []
        self._layers: list[NDArray[np.int32]] = []
        self._textures: list[Image] = []
        self._emission: list[tuple[float, float, float]] = []
        self._count = 0

    def material(self, texture: Image, emission: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> int:
        """Register a texture and, for lamps and windows, the radiance it sends out; returns its layer."""
        self._textures.append(texture)
        self._emission.append(emission)
        return len(self._textures) - 1

    def grid(
        self, point: Callable[[_Floats, _Floats], _Floats], steps: tuple[int, int], layer: int, uv: ArrayLike
    ) -> None:
        """Add a curved surface.

        Args:
            point: Maps parameters (..., ) in 0..1 along u and v to points (..., 3); normals are dv x du, so that a
                viewer who sees u run to the right and v down sees the front.
            steps: Pieces along u and v.
            layer: Material.
            uv: (2, 2): texture coordinates at parameters (0, 0) and (1, 1).
        """
        nu, nv = steps
        u, v = np.meshgrid(np.linspace(0, 1, nu + 1), np.linspace(0, 1, nv + 1))
        points = point(u, v)
        normals = np.cross(point(u, v + 1e-4) - point(u, v - 1e-4), point(u + 1e-4, v) - point(u - 1e-4, v))
        normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
        (u0, v0), (u1, v1) = np.asarray(uv, np.float64)
        texture = np.stack([u0 + (u1 - u0) * u, v0 + (v1 - v0) * v], axis=-1).reshape(-1, 2)
        corner = (np.arange(nv)[:, None] * (nu + 1) + np.arange(nu)).reshape(-1)
        a, b, c, d = corner, corner + 1, corner + nu + 2, corner + nu + 1
        faces = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
        self._vertices.append(points.reshape(-1, 3))
        self._normals.append(normals.reshape(-1, 3))
        rim_u, rim_v = 0.35 / nu, 0.35 / nv
        self._probes.append(point(np.clip(u, rim_u, 1 - rim_u), np.clip(v, rim_v, 1 - rim_v)).reshape(-1, 3))
        self._uv.append(texture[faces])
        self._faces.append((faces + self._count).astype(np.int32))
        self._layers.append(np.full(len(faces), layer, np.int32))
        self._count += points.shape[0] * points.shape[1]

    def quad(
        self,
        origin: ArrayLike,
        along_u: ArrayLike,
        along_v: ArrayLike,
        layer: int,
        *,
        tile: float | None = None,
        cell: float = 0.15,
    ) -> None:
        """Add a flat parallelogram, seen from where along_u runs to the right and along_v down.

        Args:
            origin: (3,) corner with texture coordinates (0, 0).
            along_u: (3,) edge of texture direction u.
            along_v: (3,) edge of texture direction v.
            layer: Material.
            tile: Meters of one repetition of the texture; None stretches it over the quad once.
            cell: Largest edge of a piece, meters.
        """
        o, eu, ev = (np.asarray(value, np.float64) for value in (origin, along_u, along_v))
        lengths = float(np.linalg.norm(eu)), float(np.linalg.norm(ev))
        steps = max(1, int(np.ceil(lengths[0] / cell))), max(1, int(np.ceil(lengths[1] / cell)))
        end = (1.0, 1.0) if tile is None else (lengths[0] / tile, lengths[1] / tile)
        self.grid(lambda u, v: o + u[..., None] * eu + v[..., None] * ev, steps, layer, [(0.0, 0.0), end])

    def box(
        self,
        center: ArrayLike,
        size: ArrayLike,
        layer: int,
        *,
        yaw: float = 0.0,
        tile: float | None = 0.6,
        cell: float = 0.12,
        front: int | None = None,
    ) -> None:
        """Add a box, seen from outside.

        Args:
            center: (3,) world meters.
            size: (3,) width (x), height (y), depth (z) before turning, meters.
            layer: Material of its sides.
            yaw: Turn about y, radians; 0 leaves the front towards +z, positive turns it towards +x.
            tile: As for `quad`.
            cell: As for `quad`.
            front: Another material for the front, stretched over it once.
        """
        half = np.asarray(size, np.float64) / 2
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        middle = np.asarray(center, np.float64)
        x, y, z = turn @ [half[0], 0, 0], np.array([0.0, half[1], 0.0]), turn @ [0, 0, half[2]]
        for outward, along in ((z, x), (-z, -x), (x, -z), (-x, z), (y, x), (-y, x)):
            across = np.cross(along, outward)
            third = np.prod([np.linalg.norm(axis) for axis in (x, y, z)])
            across *= third / max(
                float(np.linalg.norm(across) * np.linalg.norm(outward) * np.linalg.norm(along)), 1e-12
            )
            image = front if outward is z else None
            self.quad(
                middle + outward - along - across,
                2 * along,
                2 * across,
                layer if image is None else image,
                tile=tile if image is None else None,
                cell=cell,
            )

    def cylinder(
        self,
        base: ArrayLike,
        radius: float,
        height: float,
        layer: int,
        *,
        top_radius: float | None = None,
        sides: int = 12,
    ) -> None:
        """Add an upright cylinder or cone with a lid, standing on `base`."""
        foot = np.asarray(base, np.float64)
        top = radius if top_radius is None else top_radius

        def side(u: _Floats, v: _Floats) -> _Floats:
            r = top + (radius - top) * v
            angle = 2 * np.pi * u
            return foot + np.stack([r * np.sin(angle), height * (1 - v), r * np.cos(angle)], axis=-1)

        def lid(u: _Floats, v: _Floats) -> _Floats:
            # A tiny hole in the middle: at a point where all u meet there is no normal.
            angle, r = 2 * np.pi * u, top * (0.001 + 0.999 * v)
            return foot + np.stack([r * np.sin(angle), np.full_like(u, height), r * np.cos(angle)], axis=-1)

        self.grid(side, (sides, max(1, int(height / 0.12))), layer, [(0, 0), (2, 1)])
        self.grid(lid, (sides, 1), layer, [(0, 0), (1, 1)])

    def build(self) -> RoomMesh:
        """The mesh of everything added."""
        return RoomMesh(
            np.concatenate(self._vertices).astype(np.float32),
            np.concatenate(self._normals).astype(np.float32),
            np.concatenate(self._probes).astype(np.float32),
            np.concatenate(self._faces),
            np.concatenate(self._uv).astype(np.float32),
            np.concatenate(self._layers),
            np.stack(self._textures),
            np.array(self._emission, np.float32),
        )
