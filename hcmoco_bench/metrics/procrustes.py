"""Procrustes alignment: the similarity that brings points nearest to others, also where it is not unique."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError

_ROUNDING: Final = 1e-13


@dataclass(frozen=True, eq=False)
class Similarity:
    """x -> scale * rotation @ x + translation, for each of N point sets in D dimensions.

    Attributes:
        rotation: (N, D, D) orthogonal, of determinant 1 unless reflections were allowed.
        scale: (N,) at least 0.
        translation: (N, D).
    """

    rotation: NDArray[np.float64]
    scale: NDArray[np.float64]
    translation: NDArray[np.float64]

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Move points (N, P, D)."""
        moved = self.scale[:, None, None] * (points @ self.rotation.swapaxes(1, 2))
        return moved + self.translation[:, None]


def procrustes(
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    valid: NDArray[np.bool_] | None = None,
    *,
    scale: bool = True,
    reflection: bool = False,
) -> Similarity:
    """The similarity with the least sum of squared distances between moved source and target (Umeyama, 1991).

    Points on a line leave the rotation open, and points that all coincide the scale too; then one of the best is taken,
    with the sum of squares of all others. A source whose points coincide keeps scale 1.

    Args:
        source: (N, P, D) points to move, any unit.
        target: (N, P, D) where to.
        valid: (N, P) bool, points that count; all if None. A set without any keeps its place.
        scale: Whether to scale; 1 if not.
        reflection: Whether a mirror image counts as the same shape.

    Raises:
        DataError: If shapes do not fit (`points_wrong_shape`) or a point that counts is not finite
            (`points_not_finite`); names the rows.
    """
    if source.ndim != 3 or source.shape != target.shape or (valid is not None and valid.shape != source.shape[:2]):
        raise DataError(
            f"points {source.shape} cannot be brought onto points {target.shape}; both must be (sets, points, dims), "
            "and validity (sets, points)",
            kind="points_wrong_shape",
        )
    counts = np.ones(source.shape[:2], bool) if valid is None else valid
    finite = (np.isfinite(source).all(2) & np.isfinite(target).all(2)) | ~counts
    if not finite.all():
        rows = np.flatnonzero(~finite.all(1))
        raise DataError(
            f"points that are nan or infinite in rows {', '.join(map(str, rows[:5]))} ({len(rows)} in all); they have "
            "no best similarity, leave them out",
            kind="points_not_finite",
        )
    weights = counts[:, :, None] / np.maximum(counts.sum(1), 1)[:, None, None]
    source, target = (np.where(counts[:, :, None], points, 0.0).astype(np.float64) for points in (source, target))
    source_mean, target_mean = ((weights * points).sum(1, keepdims=True) for points in (source, target))
    a, size_a = _unit(source, source_mean, weights)
    b, size_b = _unit(target, target_mean, weights)
    u, values, v = np.linalg.svd((weights * b).swapaxes(1, 2) @ a)
    if not reflection:
        turned = np.linalg.det(u) * np.linalg.det(v) < 0
        u[turned, :, -1] *= -1  # gives up the least: the direction of the smallest singular value
        values[turned, -1] *= -1
    rotation = u @ v
    there = size_a > 0
    factor = np.where(there, values.sum(1) * size_b / np.where(there, size_a, 1.0), 1.0) if scale else np.ones(len(a))
    moved = factor[:, None] * (source_mean @ rotation.swapaxes(1, 2))[:, 0]
    return Similarity(rotation, factor, target_mean[:, 0] - moved)


def _unit(
    points: NDArray[np.float64], mean: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centered points in units of their spread, and the spread (N,); 0 where only rounding sets them apart."""
    centered = np.where(weights > 0, points - mean, 0.0)
    spread = np.sqrt((weights * centered**2).sum((1, 2)))
    spread[spread <= _ROUNDING * np.abs(points).max((1, 2), initial=0)] = 0
    return np.where(spread[:, None, None] > 0, centered / np.where(spread > 0, spread, 1.0)[:, None, None], 0.0), spread
