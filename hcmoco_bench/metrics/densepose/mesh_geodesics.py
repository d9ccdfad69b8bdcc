"""Geodesic distances of any body, computed on its mesh."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.metrics.densepose.body_charts import BodyCharts
from hcmoco_bench.metrics.densepose.geodesic_file import read_geodesics, read_source, write_geodesics
from hcmoco_bench.metrics.densepose.geodesics import Geodesics
from hcmoco_bench.runtime.progress import Progress, no_progress

Method = Literal["heat", "exact"]
Doubles = NDArray[np.float64]

_LABEL = "geodesic distances"


def mesh_geodesics(
    vertices: NDArray[Any],
    faces: NDArray[Any],
    charts: BodyCharts,
    point: NDArray[np.int64],
    *,
    method: Method = "heat",
    converted: Path | None = None,
    progress: Progress = no_progress,
) -> Geodesics:
    """All distances between the vertices of a mesh, along its surface.

    Args:
        vertices: (N, 3) meters.
        faces: (F, 3) triangles.
        charts: The body's charts.
        point: (V,) vertex of the mesh of each chart vertex.
        method: `heat` (Crane et al. 2013): smooth, within a few per cent and never less than the straight line, one
            sparse solve per vertex (3 ms at 10,000 vertices). `exact`: length of the straightest path that edge flips
            reach from the shortest path along edges (Sharp and Crane 2020), a locally shortest one; 2 ms per pair, for
            some hundred vertices.
        converted: Where to keep the table; it is read from there if it was made from the same arrays. Without, it stays
            in memory.
        progress: Told about each vertex.

    Raises:
        DataError: Kind `mesh_wrong`: bad shapes or numbers, or a surface of several pieces, between which there is no
            distance.
        StoreError: If `converted` cannot be written.
    """
    vertices, faces = np.ascontiguousarray(vertices, np.float64), np.ascontiguousarray(faces, np.int64)
    _check(vertices, faces)
    source = {"method": method, "sha256": _fingerprint(vertices, faces, charts.part, charts.u, charts.v, point)}
    if converted is not None and converted.is_file() and read_source(converted) == source:
        return read_geodesics(converted)
    condensed = (_heat if method == "heat" else _exact)(vertices, faces, progress)
    found = Geodesics(charts, point, condensed)
    if converted is None:
        return found
    write_geodesics(converted, charts, point, [condensed], n_distances=condensed.size, source=source)
    return read_geodesics(converted)


def _heat(vertices: Doubles, faces: NDArray[np.int64], progress: Progress) -> NDArray[np.float32]:
    from potpourri3d import MeshHeatMethodDistanceSolver

    n = len(vertices)
    solver = MeshHeatMethodDistanceSolver(vertices, faces)
    condensed = np.zeros(n * (n - 1) // 2, np.float32)
    begin = np.arange(n) * (np.arange(n) - 1) // 2
    for i in range(n):
        # The method errs by up to a vertex's spacing, near its source even below the straight line.
        distances = np.maximum(solver.compute_distance(i), np.linalg.norm(vertices - vertices[i], axis=1))
        # From i to j and from j to i differ a little; their mean counts.
        condensed[begin[i] : begin[i] + i] += 0.5 * distances[:i]
        condensed[begin[i + 1 :] + i] += 0.5 * distances[i + 1 :]
        progress(_LABEL, i + 1, n)
    return condensed


def _exact(vertices: Doubles, faces: NDArray[np.int64], progress: Progress) -> NDArray[np.float32]:
    from potpourri3d import EdgeFlipGeodesicSolver

    n = len(vertices)
    solver = EdgeFlipGeodesicSolver(vertices, faces)
    found = []
    for i in range(n):
        for j in range(i):
            path = np.asarray(solver.find_geodesic_path(i, j))
            found.append(np.linalg.norm(np.diff(path, axis=0), axis=1).sum())
        progress(_LABEL, i + 1, n)
    return np.array(found, np.float32)


def _check(vertices: Doubles, faces: NDArray[np.int64]) -> None:
    if vertices.ndim != 2 or vertices.shape[1] != 3 or faces.ndim != 2 or faces.shape[1] != 3 or len(faces) == 0:
        raise _wrong(f"vertices of shape {vertices.shape} and faces of shape {faces.shape}, not (N, 3) and (F, 3)")
    if not np.isfinite(vertices).all():
        raise _wrong("vertices that are not finite")
    n = len(vertices)
    if faces.min() < 0 or faces.max() >= n:
        raise _wrong(f"faces that name vertices {faces.min()} to {faces.max()} of {n}")
    edges = faces[:, [0, 1, 1, 2]].reshape(-1, 2).T
    pieces, _ = csgraph.connected_components(sparse.coo_array((np.ones(edges.shape[1]), edges), shape=(n, n)))
    if pieces > 1:
        raise _wrong(f"a surface of {pieces} pieces (unused vertices count), and no distance leads from one to another")


def _fingerprint(*arrays: NDArray[Any]) -> str:
    return bytes_sha256(b"".join(f"{array.shape}{array.dtype}".encode() + array.tobytes() for array in arrays))


def _wrong(what: str) -> DataError:
    return DataError(f"mesh for geodesic distances: {what}; give one connected surface", kind="mesh_wrong")
