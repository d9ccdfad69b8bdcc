"""The file of an SMPL model, as its authors publish it or cleaned, read and checked; nothing of it is run.

The files are licensed and do not come with this package: `basicmodel_m_lbs_10_207_0_v1.1.0.pkl` and the like from
https://smpl.is.tue.mpg.de, or `SMPL_NEUTRAL.pkl` and `SMPL_NEUTRAL.npz` with plain arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.body_models.smpl_pickle import numpy_array, read_smpl_pickle
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.files.plain_pickle import PlainPickleError
from hcmoco_bench.files.zip_errors import NPZ_ERRORS

BONES: Final = len(joint_set("smpl24").joints)
MAX_SHAPES: Final = 10
"""Shape parameters that are used; later files hold 300, published results use the first ten."""

_KEYS: Final = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights", "kintree_table", "f")
_SUM: Final = 1e-3
"""How far the sums of weights may be from 1."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SmplFile:
    """The arrays of an SMPL model.

    Attributes:
        template: (V, 3) meters.
        shapes: (V, 3, S) meters by which a unit of each shape parameter moves the vertices.
        poses: (V, 3, 9 * 23) meters by which each element of the bones' rotations minus the identity moves them.
        regressor: (24, V) weights of the vertices in each joint.
        weights: (V, 24) skinning weights.
        parents: Parent of each bone, -1 for the root.
        faces: (F, 3) int64.
    """

    template: Floats
    shapes: Floats
    poses: Floats
    regressor: Floats
    weights: Floats
    parents: tuple[int, ...]
    faces: NDArray[np.int64]


def read_smpl(path: Path) -> SmplFile:
    """Read a model.

    Args:
        path: `.npz`, or a pickle with any other ending.

    Raises:
        DataError: Kind `smpl_missing`, `smpl_damaged` or `smpl_foreign`: if the file does not exist, is damaged, or
            is no model of SMPL; says what it lacks.
    """
    if not path.is_file():
        raise _error(path, "smpl_missing", "there is no such file")
    content = _npz(path) if path.suffix.lower() == ".npz" else _pickle(path)
    missing = [key for key in _KEYS if key not in content]
    if missing:
        raise _error(path, "smpl_foreign", f"it lacks {', '.join(missing)}")
    arrays = {key: _numbers(path, key, content[key]) for key in _KEYS}
    _check_shapes(path, arrays)
    return SmplFile(
        template=arrays["v_template"],
        shapes=arrays["shapedirs"][..., :MAX_SHAPES],
        poses=arrays["posedirs"],
        regressor=_unit_sums(path, "J_regressor", arrays["J_regressor"]),
        weights=_unit_sums(path, "weights", arrays["weights"]),
        parents=_parents(path, arrays["kintree_table"]),
        faces=_faces(path, arrays["f"], len(arrays["v_template"])),
    )


def _error(path: Path, kind: str, why: str) -> DataError:
    remedy = "give a file of SMPL as published (basicmodel_*.pkl) or cleaned (SMPL_*.npz, SMPL_*.pkl)"
    return DataError(f"{printable(str(path))}: {why}; {remedy}", kind=kind, file=str(path))


def _npz(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it is a single array")
            return {key: archive[key] for key in _KEYS if key in archive.files}
    except NPZ_ERRORS as error:
        raise _error(path, "smpl_damaged", f"it cannot be read ({_told(error)})") from error


def _pickle(path: Path) -> dict[str, Any]:
    try:
        return read_smpl_pickle(path)
    except PlainPickleError as error:
        raise _error(path, f"smpl_{error.kind}", printable(str(error))) from error


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {printable(str(error)):.200}"


def _numbers(path: Path, key: str, value: Any) -> Floats:
    try:
        numbers = np.array(numpy_array(value), np.float64)
    except (ValueError, TypeError, LookupError, OverflowError, MemoryError) as error:
        raise _error(path, "smpl_foreign", f"{key} cannot be read ({_told(error)})") from error
    if not np.isfinite(numbers).all():
        raise _error(path, "smpl_damaged", f"{key} holds numbers that are not finite")
    return numbers


def _check_shapes(path: Path, arrays: Mapping[str, Floats]) -> None:
    count = len(arrays["v_template"]) if arrays["v_template"].ndim else 0
    n_shapes = arrays["shapedirs"].shape[-1] if arrays["shapedirs"].ndim == 3 else 0
    expected: dict[str, tuple[int, ...]] = {
        "v_template": (count, 3),
        "shapedirs": (count, 3, max(n_shapes, 1)),
        "posedirs": (count, 3, 9 * (BONES - 1)),
        "J_regressor": (BONES, count),
        "weights": (count, BONES),
        "kintree_table": (2, BONES),
        "f": (len(arrays["f"]) if arrays["f"].ndim else 0, 3),
    }
    for key, shape in expected.items():
        if arrays[key].shape != shape or 0 in shape:
            found = tuple(arrays[key].shape)
            raise _error(path, "smpl_foreign", f"{key} is {found}, which in a model of SMPL is {shape}")


def _unit_sums(path: Path, key: str, weights: Floats) -> Floats:
    sums = weights.sum(1, keepdims=True)
    if np.abs(sums - 1).max() > _SUM:
        raise _error(
            path, "smpl_damaged", f"{key} has a row whose sum is {float(sums[np.abs(sums - 1).argmax(), 0]):g}"
        )
    return np.asarray(weights / sums)


def _parents(path: Path, table: Floats) -> tuple[int, ...]:
    bones, above = table[1].astype(np.int64), table[0].astype(np.int64)
    parents = (-1, *(int(parent) for parent in above[1:]))
    if list(bones) != list(range(BONES)) or any(not 0 <= parent < i for i, parent in enumerate(parents) if i):
        raise _error(path, "smpl_damaged", "kintree_table is no tree whose parents come before their children")
    return parents


def _faces(path: Path, faces: Floats, count: int) -> NDArray[np.int64]:
    whole = faces.astype(np.int64)
    if (whole != faces).any() or whole.min() < 0 or whole.max() >= count:
        raise _error(path, "smpl_damaged", f"f names vertices outside 0..{count - 1}")
    return whole


def refuse_regressor(path: Path, why: str) -> NoReturn:
    """Raise the error for a file of joint regressors beside the model that cannot be used."""
    raise DataError(
        f"{printable(str(path))}: {why}; remove it, or replace it by the (17, V) regressor of Human3.6M's joints",
        kind="smpl_regressor",
        file=str(path),
    )
