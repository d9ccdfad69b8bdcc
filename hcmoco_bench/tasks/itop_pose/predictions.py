"""Predicted joints of other programs: an `.npz` or `.json` file of (N, 15, 3) meters by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.zip_errors import NPZ_ERRORS

_UNREADABLE: Final = "predictions_unreadable"


def read_joint_predictions(path: Path, n_joints: int) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Frames' names and joints, in the file's order; ids are not compared with anything yet.

    An `.npz` holds `ids` (N texts) and `joints` (N, J, 3); a `.json` is an object with the same two, or one of J lists
    of x, y, z by id. Meters in the camera's coordinates: x to the right of the image, y up, z forward. Nothing in the
    file is executed.

    Raises:
        DataError: If it cannot be read (`predictions_unreadable`), or its arrays have other shapes
            (`prediction_wrong_size`).
    """
    try:
        ids, joints = _read_npz(path) if path.suffix == ".npz" else _read_json(path)
        array = np.asarray(joints, np.float64)
    except (*NPZ_ERRORS, DataError) as error:
        cause = error.__cause__ or error
        raise DataError(
            f"{path}: cannot be read as predicted joints ({type(cause).__name__}: {cause}); an .npz with ids and "
            f"joints (N, {n_joints}, 3), or a .json with the same or with joints by id, is expected",
            kind=_UNREADABLE,
            file=str(path),
        ) from error
    if array.shape != (len(ids), n_joints, 3):
        raise DataError(
            f"{path}: {len(ids)} ids and joints of shape {array.shape}, not ({len(ids)}, {n_joints}, 3) meters",
            kind="prediction_wrong_size",
            file=str(path),
        )
    return ids, array


def _read_npz(path: Path) -> tuple[tuple[str, ...], Any]:
    with np.load(path, allow_pickle=False) as arrays:
        missing = {"ids", "joints"} - set(arrays.files)
        if missing:
            raise ValueError(f"no {' and '.join(sorted(missing))}; it holds {', '.join(arrays.files) or 'nothing'}")
        ids = tuple(one.decode() if isinstance(one, bytes) else str(one) for one in arrays["ids"])
        return ids, arrays["joints"]


def _read_json(path: Path) -> tuple[tuple[str, ...], Any]:
    # Pairs, since an object would hide an id that comes twice.
    pairs = read_json(path, kind=_UNREADABLE, pairs=True)
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise ValueError("not a JSON object")
    if {name for name, _ in pairs} == {"ids", "joints"}:
        values = dict(pairs)
        return tuple(map(str, values["ids"])), values["joints"]
    return tuple(name for name, _ in pairs), [joints for _, joints in pairs] or np.zeros((0, 0, 3))
