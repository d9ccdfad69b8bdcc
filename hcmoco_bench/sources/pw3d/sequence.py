"""Reads one sequence file of 3DPW without unpickling it, and checks all that is used of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.plain_pickle import PlainPickleError, read_plain_pickle
from hcmoco_bench.sources.pw3d.layout import DETECTED, GENDERS, JOINTS, KEYS, POSE, SHAPE

Floats = NDArray[np.float64]
_MOST_FRAMES: Final = 1_000_000


@dataclass(frozen=True, eq=False)
class Track:
    """One person through the F frames of a sequence; see `layout` for units and axes.

    Attributes:
        poses: (F, 72).
        betas: (10,).
        translation: (F, 3).
        gender: `male` or `female`.
        valid: (F,) bool, whether the camera's pose is valid for this person.
        detected: (F, 3, 18).
        joints: (F, 24, 3).
    """

    poses: Floats
    betas: Floats
    translation: Floats
    gender: str
    valid: NDArray[np.bool_]
    detected: Floats
    joints: Floats


@dataclass(frozen=True, eq=False)
class Sequence:
    """What is used of a sequence file.

    Attributes:
        name: Name of the file without suffix.
        camera: (F, 4, 4) from the world to the camera.
        intrinsics: (3, 3) px.
        tracks: The people.
    """

    name: str
    camera: Floats
    intrinsics: Floats
    tracks: tuple[Track, ...]


def read_sequence(path: Path) -> Sequence:
    """Read a sequence file; nothing of it is executed.

    Raises:
        DataError: If it cannot be read, or asks for more than numbers and texts (`pw3d_unreadable`), or something of
            it is missing or of another shape (`pw3d_shape`).
    """
    try:
        content = read_plain_pickle(path)
    except PlainPickleError as error:
        raise DataError(
            f"{path}: {error}; fetch sequenceFiles.zip of 3DPW again", kind="pw3d_unreadable", file=str(path)
        ) from error
    if not isinstance(content, dict):
        _fail(path, f"it holds a {type(content).__name__}, not the dictionary of a sequence")
    values = {_text(key): value for key, value in content.items() if isinstance(key, str | bytes)}
    missing = [name for name in KEYS if name not in values]
    if missing:
        _fail(path, f"it has no {', '.join(missing)}")
    camera = _array(path, "cam_poses", values["cam_poses"], (None, 4, 4))
    intrinsics = _array(path, "cam_intrinsics", values["cam_intrinsics"], (3, 3))
    frames = len(camera)
    if not 0 < frames <= _MOST_FRAMES:
        _fail(path, f"it has {frames} frames")
    people = _list(path, "poses", values["poses"])
    lists = {name: _list(path, name, values[name], len(people)) for name in KEYS if name not in _WHOLE}
    tracks = tuple(_track(path, {name: lists[name][place] for name in lists}, frames) for place in range(len(people)))
    if not tracks:
        _fail(path, "it has no person")
    return Sequence(path.stem, camera, intrinsics, tracks)


_WHOLE: Final = frozenset({"cam_poses", "cam_intrinsics"})


def _track(path: Path, values: dict[str, Any], frames: int) -> Track:
    gender = _text(values["genders"])
    if gender not in GENDERS:
        _fail(path, f"a gender is {gender!a:.40}, not m or f")
    betas = _array(path, "betas", values["betas"], (None,))
    if len(betas) < SHAPE:
        _fail(path, f"betas has {len(betas)} numbers a person, not {SHAPE} or more")
    return Track(
        poses=_array(path, "poses", values["poses"], (frames, POSE)),
        betas=betas[:SHAPE],
        translation=_array(path, "trans", values["trans"], (frames, 3)),
        gender=GENDERS[gender],
        valid=_array(path, "campose_valid", values["campose_valid"], (frames,)) != 0,
        detected=_array(path, "poses2d", values["poses2d"], (frames, 3, DETECTED)),
        joints=_array(path, "jointPositions", values["jointPositions"], (frames, 3 * JOINTS)).reshape(-1, JOINTS, 3),
    )


def _array(path: Path, name: str, value: Any, shape: tuple[int | None, ...]) -> Floats:
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ValueError(f"a {array.dtype}")
        array = array.astype(np.float64)
    except (ValueError, TypeError) as error:
        _fail(path, f"{name} is no array of numbers ({error})")
    if array.ndim != len(shape) or any(
        wanted not in (None, found) for found, wanted in zip(array.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        _fail(path, f"{name} has the shape {array.shape}, not ({wanted})")
    return array


def _list(path: Path, name: str, value: Any, length: int | None = None) -> list[Any]:
    if isinstance(value, np.ndarray):
        value = list(value)
    if not isinstance(value, list | tuple):
        _fail(path, f"{name} is a {type(value).__name__}, not a list with an entry for each person")
    if length is not None and len(value) != length:
        _fail(path, f"{name} has entries of {len(value)} people, and poses of {length}")
    return list(value)


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _fail(path: Path, why: str) -> NoReturn:
    raise DataError(
        f"{path}: {why}; fetch sequenceFiles.zip of 3DPW again", kind="pw3d_shape", file=str(path)
    ) from None
