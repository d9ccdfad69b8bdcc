"""Predicted bodies of other programs: an `.npz` or `.json` of parameters, vertices or joints by sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.zip_errors import NPZ_ERRORS
from hcmoco_bench.tasks.core.predictions import check_ids

Floats = NDArray[np.float64]

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "rotations": ("rotations", "pose", "poses", "rotmat", "pred_rotmat", "thetas"),
    "shape": ("shape", "betas", "pred_betas"),
    "vertices": ("vertices", "verts", "pred_vertices"),
    "joints": ("joints", "pred_joints", "joints3d"),
}
"""Names that programs give the arrays; those of HMR, SPIN and their successors are among them."""
_UNREADABLE: Final = "predictions_unreadable"
_SIZE: Final = "prediction_wrong_size"
_ORTHONORMAL: Final = 1e-2
_EXPECTED: Final = (
    "an .npz with ids and rotations and shape, vertices, or joints, or a .json with the same, is expected"
)


@dataclass(frozen=True, eq=False)
class PredictedBodies:
    """What a file says of N samples, in the order of the split.

    Attributes:
        rotations: (N, P, 3, 3); None if not given.
        shape: (N, S); likewise.
        vertices: (N, V, 3) meters; likewise.
        joints: (N, J, 3) meters; likewise.
        longest: Length of the longest rotation vector as it stands in the file; 0 for matrices.
    """

    rotations: Floats | None = None
    shape: Floats | None = None
    vertices: Floats | None = None
    joints: Floats | None = None
    longest: float = 0.0

    @property
    def joints_only(self) -> bool:
        """Whether nothing but joints can be scored."""
        return self.rotations is None and self.vertices is None


@dataclass(frozen=True)
class BodySizes:
    """What arrays of predictions must hold.

    Attributes:
        bones: P.
        shape: S.
        vertices: V.
        joints: J.
    """

    bones: int
    shape: int
    vertices: int
    joints: int


def read_bodies(path: Path, ids: tuple[str, ...], sizes: BodySizes) -> PredictedBodies:
    """Predictions of a split, in its order; nothing in the file is executed.

    Raises:
        DataError: If it cannot be read, or has one array under two names (`predictions_unreadable`); if arrays have
            other shapes (`prediction_wrong_size`), are not finite (`prediction_not_finite`), or are not rotations
            (`prediction_no_rotation`); if ids are missing, repeated or unknown (`predictions_ids`); if neither
            vertices, nor joints, nor rotations with a shape are there (`prediction_incomplete`).
    """
    given, arrays = _read(path)
    check_ids(given, ids, path=path)
    place = {name: row for row, name in enumerate(given)}
    order = [place[name] for name in ids]
    found = {name: _ordered(path, name, values, order) for name, values in arrays.items()}
    for name, array in found.items():
        wrong = np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(1))
        if len(wrong):
            named = ", ".join(ids[row] for row in wrong[:5])
            raise DataError(
                f"{path}: {name} of {len(wrong)} samples are nan or infinite ({named}); correct them",
                kind="prediction_not_finite",
                file=str(path),
            )
    for name, size in (("shape", (sizes.shape,)), ("vertices", (sizes.vertices, 3)), ("joints", (sizes.joints, 3))):
        if name in found and found[name].shape[1:] != size:
            _fail(
                path, f"{name} has the shape {found[name].shape}, not ({len(ids)}, {', '.join(map(str, size))})", _SIZE
            )
    longest = 0.0
    if "rotations" in found:
        found["rotations"], longest = _rotations(path, found["rotations"], sizes.bones)
    if "rotations" in found and "shape" not in found:
        _fail(
            path, "it has rotations and no shape; give shape (zeros for the mean person) too", "prediction_incomplete"
        )
    if not {"rotations", "vertices", "joints"} & found.keys():
        _fail(
            path, f"it has neither rotations with shape, nor vertices, nor joints; {_EXPECTED}", "prediction_incomplete"
        )
    return PredictedBodies(**found, longest=longest)


def _read(path: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
    try:
        values = _npz(path) if path.suffix == ".npz" else _json(path)
        if "ids" not in values:
            raise ValueError(f"no ids; it holds {', '.join(values) or 'nothing'}")
        ids = tuple(one.decode() if isinstance(one, bytes) else str(one) for one in values["ids"])
        arrays = {}
        for name, aliases in NAMES.items():
            there = [alias for alias in aliases if alias in values]
            if len(there) > 1:
                raise ValueError(f"{' and '.join(there)} both stand for {name}; keep one")
            if there:
                array = np.asarray(values[there[0]])
                if array.dtype.kind not in "fiu":
                    raise ValueError(f"{there[0]} is no array of numbers")
                arrays[name] = array.astype(np.float64)
    except (*NPZ_ERRORS, AttributeError, MemoryError, DataError) as error:
        cause = error.__cause__ or error
        raise DataError(
            f"{path}: cannot be read as predicted bodies ({type(cause).__name__}: {cause}); {_EXPECTED}",
            kind=_UNREADABLE,
            file=str(path),
        ) from error
    return ids, arrays


def _npz(path: Path) -> dict[str, Any]:
    wanted = {"ids", *(alias for aliases in NAMES.values() for alias in aliases)}
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files if name in wanted} or dict.fromkeys(archive.files)


def _json(path: Path) -> dict[str, Any]:
    # Pairs, since an object would hide an id that comes twice.
    pairs = read_json(path, kind=_UNREADABLE, pairs=True)
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise ValueError("not a JSON object")
    names = [name for name, _ in pairs]
    if "ids" in names:
        if len(set(names)) < len(names):
            raise ValueError("a name comes twice")
        return dict(pairs)
    return {"ids": names, "joints": [values for _, values in pairs]}


def _ordered(path: Path, name: str, array: Floats, order: list[int]) -> Floats:
    if array.ndim < 2 or len(array) != len(order):
        _fail(path, f"{name} has the shape {array.shape} for {len(order)} ids", _SIZE)
    return np.asarray(array[order])


def _rotations(path: Path, values: Floats, bones: int) -> tuple[Floats, float]:
    """(N, P, 3, 3) rotations of matrices, rotation vectors or a pose of 3 P numbers; the longest of the vectors."""
    n = len(values)
    if values.shape == (n, bones, 3, 3):
        off = np.abs(values @ values.swapaxes(-1, -2) - np.eye(3)).max((1, 2, 3))
        wrong = (off > _ORTHONORMAL) | (np.linalg.det(values) < 0).any(1)
        if wrong.any():
            _fail(path, f"rotations of {int(wrong.sum())} samples are no rotation matrices", "prediction_no_rotation")
        return values, 0.0
    if values.shape == (n, 3 * bones):
        values = values.reshape(n, bones, 3)
    if values.shape != (n, bones, 3):
        _fail(
            path,
            f"rotations have the shape {values.shape}, not ({n}, {bones}, 3, 3), ({n}, {bones}, 3) or "
            f"({n}, {3 * bones})",
            _SIZE,
        )
    matrices = Rotation.from_rotvec(values.reshape(-1, 3)).as_matrix().reshape(n, bones, 3, 3)
    return np.asarray(matrices), float(np.linalg.norm(values, axis=-1).max(initial=0.0))


def _fail(path: Path, why: str, kind: str) -> NoReturn:
    raise DataError(f"{path}: {why}", kind=kind, file=str(path))
