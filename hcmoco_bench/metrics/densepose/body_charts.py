"""The vertices of a body in DensePose's charts, and which of them is nearest to a point of a chart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from hcmoco_bench.errors import DataError

N_PARTS: Final = 24
"""Charts of the body, numbered from 1; 0 is background."""

CELLS: Final = 1 << 16
"""Places (U, V) of a chart in 8-bit coordinates."""

_UNKNOWN: Final = -2
_TIE: Final = 1e-12
_FEW: Final = 48


@dataclass(frozen=True, eq=False)
class BodyCharts:
    """Chart coordinates of a body's vertices.

    Nearest is by Euclidean distance of (u, v) within the part; of equally near vertices the first, as `argmin` over
    `scipy`'s `cdist` gives it. 8-bit coordinates are looked up in a table that is filled part by part when first used.

    Attributes:
        part: (V,) uint8, chart 1..24 of each vertex.
        u: (V,) float64, 0..1.
        v: (V,) float64, 0..1.
        table: (24 * 65536,) int32, vertex nearest to a part (from 0, slowest), U and V in 8 bits; -1 in parts without
            vertices.

    Raises:
        DataError: Kind `charts_wrong`: other shapes, parts outside 1..24, or coordinates that are not finite.
    """

    part: NDArray[np.uint8]
    u: NDArray[np.float64]
    v: NDArray[np.float64]
    table: NDArray[np.int32] = field(default_factory=lambda: np.full(N_PARTS * CELLS, _UNKNOWN, np.int32), repr=False)

    def __post_init__(self) -> None:
        if self.part.ndim != 1 or self.u.shape != self.part.shape or self.v.shape != self.part.shape:
            raise _wrong(f"part, u and v have shapes {self.part.shape}, {self.u.shape} and {self.v.shape}, not (V,)")
        if self.part.size == 0 or self.part.min() < 1 or self.part.max() > N_PARTS:
            raise _wrong(f"vertices are in parts outside 1..{N_PARTS}")
        if not (np.isfinite(self.u).all() and np.isfinite(self.v).all()):
            raise _wrong("coordinates are not finite")
        if self.table.shape != (N_PARTS * CELLS,):
            raise _wrong(f"the table of nearest vertices has shape {self.table.shape}")

    @classmethod
    def of(cls, part: NDArray[Any], u: NDArray[Any], v: NDArray[Any]) -> BodyCharts:
        """From arrays of any numeric type; raises DataError as the class does."""
        numbers = np.asarray(part)
        if numbers.size and not np.isin(numbers, np.arange(1, N_PARTS + 1)).all():
            raise _wrong(f"vertices are in parts outside 1..{N_PARTS}")
        return cls(numbers.astype(np.uint8), np.asarray(u, np.float64), np.asarray(v, np.float64))

    def __len__(self) -> int:
        return len(self.part)

    def nearest(self, part: NDArray[Any], u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.int64]:
        """Vertices nearest to points.

        Args:
            part: (P,) chart of each point.
            u: (P,) 0..1, finite.
            v: (P,) 0..1, finite.

        Returns:
            (P,) vertex indices; -1 where the part is not 1..24 or has no vertex.
        """
        found = np.full(len(part), -1, np.int64)
        points = np.stack([u, v], axis=1)
        for number in np.unique(part):
            if 1 <= number <= N_PARTS:
                here = part == number
                found[here] = self._nearest_in(int(number), points[here])
        return found

    def nearest_quantized(self, iuv: NDArray[np.uint8]) -> NDArray[np.int64]:
        """As `nearest` for (3, P) uint8 part, U * 255, V * 255."""
        part, u, v = iuv.astype(np.int64)
        valid = (part >= 1) & (part <= N_PARTS)
        cell = np.where(valid, part - 1, 0) * CELLS + u * 256 + v
        found = np.where(valid, self.table[cell], -1).astype(np.int64)
        if (found == _UNKNOWN).any():
            self.fill(np.unique(part[found == _UNKNOWN]))
            return self.nearest_quantized(iuv)
        return found

    def fill(self, parts: NDArray[np.int64] | None = None) -> None:
        """Fill the table of these parts, or of all, as far as that is not done."""
        for number in np.arange(1, N_PARTS + 1) if parts is None else parts:
            cells = self.table[(number - 1) * CELLS : number * CELLS]
            if cells[0] == _UNKNOWN:
                u, v = np.divmod(np.arange(CELLS), 256)
                cells[:] = self._nearest_in(int(number), np.stack([u, v], axis=1) / 255.0)

    def _nearest_in(self, number: int, points: NDArray[np.float64]) -> NDArray[np.int64]:
        vertices = np.flatnonzero(self.part == number)
        if len(vertices) == 0:
            return np.full(len(points), -1, np.int64)
        places = np.stack([self.u[vertices], self.v[vertices]], axis=1)
        if len(vertices) <= _FEW:
            return np.asarray(vertices[cdist(points, places).argmin(1)])
        distinct, first = np.unique(places, axis=0, return_index=True)
        if len(distinct) == 1:
            return np.full(len(points), vertices[first[0]])
        distance, which = map(np.asarray, KDTree(distinct).query(points, k=2))
        found = vertices[first[which[:, 0]]]
        # Where two vertices are as near within rounding, the tree's choice is arbitrary.
        tied = np.flatnonzero(distance[:, 1] - distance[:, 0] <= _TIE)
        for some in np.array_split(tied, 1 + len(tied) * len(places) // 4_000_000):
            found[some] = vertices[cdist(points[some], places).argmin(1)]
        return np.asarray(found)


def _wrong(what: str) -> DataError:
    return DataError(f"body charts: {what}; give one part, u and v per vertex", kind="charts_wrong")
