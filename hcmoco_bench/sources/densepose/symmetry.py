"""What a mirrored image makes of chart points: `UV_symmetry_transforms.mat`, which comes with DensePose's tables.

For each of the 24 charts it holds two 256 x 256 tables, looked up at 255 V, 255 U, cut to whole numbers: U, V on the
partner chart. Source: https://github.com/facebookresearch/DensePose, `DensePoseData/UV_data`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.densepose.layout import FOLDERS

SYMMETRY_FILE: Final = "UV_symmetry_transforms.mat"
SYMMETRY_FOLDERS: Final = ("UV_data", "DensePoseData/UV_data", *FOLDERS)
"""Where below the data set's folder it is looked for."""

_CELLS: Final = 256
_TORSO: Final = ("torso back", "torso front")


@dataclass(frozen=True, eq=False)
class ChartSymmetry:
    """The charts' mirror.

    Attributes:
        uv: (24, 256, 256, 2) float32 U, V on the partner chart, by chart - 1, whole 255 V, whole 255 U.
    """

    uv: NDArray[np.float32]

    def mirror(self, part: NDArray[np.uint8], uv: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Charts (P,) 1..24 and U, V (P, 2) in 0..1 of the same points in the mirrored image."""
        u, v = (uv * (_CELLS - 1)).astype(np.intp).T
        return densepose_parts().flip[part], self.uv[part.astype(np.intp) - 1, v, u]


def find_symmetry(root: Path) -> Path | None:
    """The published file below a data set's folder; None if it is not there."""
    found = (root / folder / SYMMETRY_FILE for folder in SYMMETRY_FOLDERS)
    return next((path for path in found if path.is_file()), None)


def read_symmetry(path: Path) -> ChartSymmetry:
    """Read the published file.

    Raises:
        DataError: Kind `symmetry_unreadable`: missing, damaged, or without the two times 24 tables.
    """
    try:
        content = loadmat(path, variable_names=["U_transforms", "V_transforms"])
        tables = [
            np.stack([np.asarray(table, np.float32) for table in content[name].reshape(-1)])
            for name in ("U_transforms", "V_transforms")
        ]
    except (OSError, ValueError, TypeError, KeyError, NotImplementedError, MatReadError) as error:
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error
    uv = np.stack(tables, axis=-1)
    if uv.shape != (24, _CELLS, _CELLS, 2):
        raise _unreadable(path, f"tables of shape {uv.shape[:-1]}, not (24, {_CELLS}, {_CELLS})")
    if not np.isfinite(uv).all():
        raise _unreadable(path, "values that are not finite")
    return ChartSymmetry(np.clip(uv, 0.0, 1.0))


@cache
def generated_symmetry() -> ChartSymmetry:
    """The mirror of the generated body's charts: the partner has the same U and V, only the torso has 1 - U."""
    steps = np.linspace(0.0, 1.0, _CELLS, dtype=np.float32)
    uv = np.empty((24, _CELLS, _CELLS, 2), np.float32)
    uv[..., 0], uv[..., 1] = steps[None, None, :], steps[None, :, None]
    for name in _TORSO:
        uv[densepose_parts().index(name) - 1, ..., 0] = 1.0 - steps
    return ChartSymmetry(uv)


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(
        f"{path}: not DensePose's mirror tables ({why}); fetch DensePose's UV_data again",
        kind="symmetry_unreadable",
        file=str(path),
    )
