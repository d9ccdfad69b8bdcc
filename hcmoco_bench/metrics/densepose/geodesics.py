"""Distances along a body's surface between vertices of its charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose.body_charts import BodyCharts


@dataclass(frozen=True, eq=False)
class Geodesics:
    """Charts of a body, and the distances between its surface points.

    Several chart vertices can be one point of the surface: on a border there is one for each part.

    Attributes:
        charts: The chart vertices.
        point: (V,) int64, the surface point of each chart vertex, from 0.
        condensed: (N (N - 1) / 2,) float32 or float64, meters: the distance of points i > j at i (i - 1) / 2 + j, the
            order in which DensePose's evaluation reads `Pdist_matrix`; may be mapped from a file.

    Raises:
        DataError: Kind `geodesics_wrong`: the three do not fit each other.
    """

    charts: BodyCharts
    point: NDArray[np.int64]
    condensed: NDArray[Any]

    def __post_init__(self) -> None:
        if self.point.shape != (len(self.charts),):
            raise _wrong(f"{len(self.charts)} chart vertices, and surface points of shape {self.point.shape}")
        n = number_of_points(self.condensed)
        if self.point.min() < 0 or self.point.max() >= n:
            raise _wrong(f"surface points {self.point.min()} to {self.point.max()}, and distances between {n} points")

    @property
    def n_points(self) -> int:
        """Number of surface points, N."""
        return number_of_points(self.condensed)

    def between(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.float64]:
        """Distances between chart vertices.

        Args:
            first: (...) vertex indices, -1 for none.
            second: The same shape.

        Returns:
            (...) meters; infinite where one of the two is none.
        """
        a, b = self.point[first], self.point[second]
        low, high = np.minimum(a, b), np.maximum(a, b)
        apart = (first >= 0) & (second >= 0) & (low != high)
        found = np.zeros(first.shape)
        low, high = low[apart], high[apart]
        found[apart] = self.condensed[high * (high - 1) // 2 + low]
        found[(first < 0) | (second < 0)] = np.inf
        return found


def number_of_points(condensed: NDArray[Any]) -> int:
    """Number of points of a condensed table; raises DataError (`geodesics_wrong`) if no number fits."""
    n = (1 + int(np.sqrt(1 + 8 * condensed.size) + 0.5)) // 2
    if condensed.ndim != 1 or n * (n - 1) // 2 != condensed.size:
        raise _wrong(f"a table of shape {condensed.shape}, which is not N (N - 1) / 2 distances")
    return n


def _wrong(what: str) -> DataError:
    return DataError(f"geodesic distances: {what}; the files belong to different bodies", kind="geodesics_wrong")
