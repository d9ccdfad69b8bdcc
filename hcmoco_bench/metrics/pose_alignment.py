"""The error of each 3-D pose by a convention: its joints' mean distance after moving, scaling or turning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.points import checked_points, distances
from hcmoco_bench.metrics.pose_conventions import Measured
from hcmoco_bench.metrics.procrustes import procrustes

_MM: Final = 1000.0


@dataclass(frozen=True, eq=False)
class PoseErrorsByConvention:
    """Errors of the poses of a pair.

    Attributes:
        error_mm: (N,) float64 mean distance of the joints that count, mm; 0 where none does.
        scored: (N,) bool; False for samples without a valid joint, or whose center is not valid.
    """

    error_mm: NDArray[np.float64]
    scored: NDArray[np.bool_]

    @property
    def mean_mm(self) -> float:
        """Mean over the samples that are scored; nan if none is."""
        return float(self.error_mm[self.scored].mean()) if self.scored.any() else float("nan")


def convention_errors(measured: Measured) -> PoseErrorsByConvention:
    """The error of each sample.

    Raises:
        DataError: If shapes do not fit (`prediction_wrong_size`), or a prediction (`prediction_not_finite`) or target
            (`label_not_finite`) that counts is nan or infinite; names the samples.
    """
    pair = measured.pair
    found, true, valid = checked_points(pair.prediction, pair.target, pair.sample_ids, pair.valid)
    center = list(measured.center)
    if center:
        valid = valid & valid[:, center].all(1, keepdims=True)
        found, true = (points - points[:, center].mean(1, keepdims=True) for points in (found, true))
    found, true = (points[:, measured.places] for points in (found, true))
    counted = valid[:, measured.places]
    alignment = measured.convention.alignment
    if alignment == "scale":
        found = found * _scale(found, true, counted)
    elif alignment in ("rigid", "similarity"):
        found = procrustes(found, true, counted, scale=alignment == "similarity").apply(found)
    total = np.where(counted, distances(found, true), 0.0).sum(1)
    number = counted.sum(1)
    return PoseErrorsByConvention(_MM * total / np.maximum(number, 1), number > 0)


def _scale(found: NDArray[np.float64], true: NDArray[np.float64], counted: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(N, 1, 1) factor about 0 with the least sum of squares, as VideoPose3D computes N-MPJPE.

    It is negative for a prediction that is more like the true pose seen through its center. Poses that are a single
    point keep their size.
    """
    there = counted[:, :, None]
    product, square = (np.where(there, found * other, 0.0).sum((1, 2)) for other in (true, found))
    factor = np.where(square > 0, product / np.where(square > 0, square, 1.0), 1.0)
    return np.asarray(factor[:, None, None])
