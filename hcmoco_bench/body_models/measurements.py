"""What a person understands of a body: height, mass and waist, from the vertices of its rest pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

Floats = NDArray[np.float64]

DENSITY: Final = 985.0
"""Kilograms per cubic meter of a living body with air in its lungs, as SHAPY takes it (Choutas et al., "Accurate 3D
Body Shape Regression Using Metric and Semantic Attributes", CVPR 2022)."""

WAIST_LEVEL: Final = 0.62
"""Height of the waist above the soles, as a share of the body's height: midway between the lowest rib and the crest of
the hip bone (WHO, "Waist circumference and waist-hip ratio", 2008), which adults have at about 0.64 and 0.60."""


@dataclass(frozen=True, eq=False)
class Measurements:
    """Measures of B bodies, float64; not a number for a body whose vertices are not all finite.

    Attributes:
        height_cm: (B,) from the soles to the crown.
        mass_kg: (B,) volume times `DENSITY`.
        waist_cm: (B,) length of a tape around the trunk at `WAIST_LEVEL`.
    """

    height_cm: Tensor
    mass_kg: Tensor
    waist_cm: Tensor


def measure(vertices: Tensor, faces: Tensor) -> Measurements:
    """Measure bodies in the rest pose; gives no gradients.

    The tape follows the convex hull of the horizontal slice of the trunk, as a real one spans hollows. Hands that hang
    at the level of the waist are slices of their own and do not count.

    Args:
        vertices: (B, V, 3) meters, y up, all rotations of the body being the identity.
        faces: (F, 3) triangles of a closed surface.

    Returns:
        The measures, on the CPU.
    """
    points = vertices.detach().cpu().double().numpy()
    triangles = faces.detach().cpu().numpy()
    rows = [_measure_one(body, triangles) for body in points]
    height, mass, waist = torch.tensor(rows, dtype=torch.float64).reshape(-1, 3).unbind(-1)
    return Measurements(height, mass, waist)


def _measure_one(body: Floats, triangles: NDArray[np.int64]) -> tuple[float, float, float]:
    if not np.isfinite(body).all():
        return (float("nan"),) * 3
    low, high = body[:, 1].min(), body[:, 1].max()
    girth = tape_length(body, triangles, float(low + WAIST_LEVEL * (high - low)))
    return 100 * float(high - low), DENSITY * volume(body, triangles), 100 * girth


def volume(body: Floats, triangles: NDArray[np.int64]) -> float:
    """Cubic meters that a closed surface encloses: the sum of the signed tetrahedra from the origin to its triangles.

    Args:
        body: (V, 3) meters.
        triangles: (F, 3) vertices, all counter-clockwise from the same side.
    """
    a, b, c = (body[triangles[:, corner]] for corner in range(3))
    return abs(float((np.cross(a, b) * c).sum())) / 6


def tape_length(body: Floats, triangles: NDArray[np.int64], level: float) -> float:
    """Length in meters of a tape around the largest piece of a horizontal slice.

    Args:
        body: (V, 3) meters, y up.
        triangles: (F, 3) vertices.
        level: y of the slice, meters.

    Returns:
        The perimeter of the convex hull of the piece; 0 if the slice is empty.
    """
    above = body[:, 1] >= level
    corners = above[triangles].sum(1)
    crossing = triangles[(corners > 0) & (corners < 3)]
    # Two edges of each crossing triangle cross the level; the third does not.
    edges = np.sort(crossing[:, [[0, 1], [1, 2], [2, 0]]], axis=-1)
    crossed = above[edges[..., 0]] != above[edges[..., 1]]
    cut, piece = np.unique(edges[crossed], axis=0, return_inverse=True)
    if not len(cut):
        return 0.0
    first, second = piece.reshape(-1, 2).T
    links = sparse.coo_array((np.ones(len(first)), (first, second)), (len(cut), len(cut)))
    count, owner = connected_components(links, directed=False)
    one, other = body[cut[:, 0]], body[cut[:, 1]]
    share = (level - one[:, 1]) / (other[:, 1] - one[:, 1])
    points = (one + share[:, None] * (other - one))[:, [0, 2]]
    return max(_perimeter(points[owner == index]) for index in range(count))


def _perimeter(points: Floats) -> float:
    """Perimeter of the convex hull of points (N, 2); 0 if they are on one line."""
    try:
        return float(ConvexHull(points).area)  # of a hull in the plane, scipy's area is the perimeter
    except (QhullError, ValueError):
        return 0.0
