"""Predicted poses of other programs: by id, or whole recordings by subject, action and camera."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.object_arrays import read_npz_objects
from hcmoco_bench.files.plain_pickle import PlainPickleError, read_plain_pickle
from hcmoco_bench.files.zip_errors import NPZ_ERRORS
from hcmoco_bench.sources.human36m.layout import CAMERA_SIZES, OTHER_NAMES
from hcmoco_bench.sources.human36m.names import FrameId, SequenceName
from hcmoco_bench.tasks.core.predictions import check_ids

_UNREADABLE: Final = "predictions_unreadable"
_CAMERAS: Final = tuple(CAMERA_SIZES)
"""The order in which lists of cameras are, e.g. VideoPose3D's."""
_WHOLE: Final = "positions_3d"
_IDS, _JOINTS = "ids", "joints"
_LAYOUTS: Final = (
    "an .npz with ids and joints (N, {n}, 3), or with an array (F, {n}, 3) for each recording (named "
    "S9_Directions_1.54138969), or with positions_3d by subject, action and camera; a .pkl with the latter; or a .json "
    "with ids and joints, or with joints by id, is expected"
)


def read_pose_predictions(path: Path, expected: Sequence[str], n_joints: int) -> NDArray[np.float64]:
    """Predicted joints in the order of the split.

    By id: an `.npz` with `ids` (N texts) and `joints` (N, J, 3); a `.json` with the same two, or J lists of x, y, z by
    id. By recording: an `.npz` with an array (F, J, 3) named as each recording (`S9_Directions_1.54138969`), or with
    `positions_3d`, as VideoPose3D's files have it: dictionaries by subject (`S9`) and action (`Directions 1`) with the
    arrays of the four cameras, in a list in the order 54138969, 55011271, 58860488, 60457274, or by name; or a `.pkl`
    with these dictionaries. Such arrays have a row for each frame of the video, or for each frame of the split.
    Nothing in a file is executed.

    Args:
        path: The file.
        expected: N ids of the split.
        n_joints: J.

    Returns:
        (N, J, 3), in the unit of the file.

    Raises:
        DataError: If the file cannot be read (`predictions_unreadable`), its arrays have other shapes or a recording
            another number of frames (`prediction_wrong_size`), or ids are missing, come twice or are unknown
            (`predictions_ids`).
    """
    try:
        content = _content(path)
        if isinstance(content, tuple):
            ids, joints = content
            array = np.asarray(joints, np.float64)
        else:
            return _of_recordings(path, list(_recordings(content)), expected, n_joints)
    except (*NPZ_ERRORS, PlainPickleError, DataError) as error:
        if isinstance(error, DataError) and error.kind != _UNREADABLE:
            raise
        cause = error.__cause__ if isinstance(error, DataError) and error.__cause__ else error
        raise DataError(
            f"{path}: cannot be read as predicted poses ({type(cause).__name__}: {cause}); "
            f"{_LAYOUTS.format(n=n_joints)}",
            kind=_UNREADABLE,
            file=str(path),
        ) from error
    if array.shape != (len(ids), n_joints, 3):
        raise _wrong_size(path, f"{len(ids)} ids and joints of shape {array.shape}", f"({len(ids)}, {n_joints}, 3)")
    check_ids(ids, expected, path=path)
    row = {name: number for number, name in enumerate(ids)}
    return array[[row[name] for name in expected]]


_ById = tuple[tuple[str, ...], Any]


def _content(path: Path) -> _ById | Mapping[Any, Any]:
    """Ids and joints, or a mapping of recordings."""
    if path.suffix == ".json":
        return _read_json(path)
    if path.suffix == ".pkl":
        value = read_plain_pickle(path)
        if not isinstance(value, dict):
            raise ValueError(f"a {type(value).__name__}, not dictionaries by subject, action and camera")
        found: dict[str, Any] = value
    else:
        found = read_npz_objects(path)
    if {_IDS, _JOINTS} <= found.keys():
        ids = tuple(one.decode() if isinstance(one, bytes) else str(one) for one in np.asarray(found[_IDS]).reshape(-1))
        return ids, found[_JOINTS]
    for name in (_IDS, _JOINTS):
        if name in found:
            raise ValueError(f"{name} without {_JOINTS if name == _IDS else _IDS}")
    whole = found.get(_WHOLE, found)
    if not isinstance(whole, Mapping) or not whole:
        raise ValueError(f"it holds {', '.join(map(str, found)) or 'nothing'}")
    return whole


def _read_json(path: Path) -> _ById:
    # Pairs, since an object would hide an id that comes twice.
    pairs = read_json(path, kind=_UNREADABLE, pairs=True)
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise ValueError("not a JSON object")
    if {name for name, _ in pairs} == {_IDS, _JOINTS}:
        values = dict(pairs)
        return tuple(map(str, values[_IDS])), values[_JOINTS]
    return tuple(name for name, _ in pairs), [joints for _, joints in pairs] or np.zeros((0, 0, 3))


def _recordings(content: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    """Names of recordings, in one form, and their arrays."""
    for name, value in content.items():
        if not isinstance(value, Mapping):
            yield _normal(str(name).replace("/", "_")), value
            continue
        for action, cameras in value.items():
            if not isinstance(cameras, list | tuple | Mapping):
                raise ValueError(
                    f"{name}, {action}: a {type(cameras).__name__}, not the arrays of the {len(_CAMERAS)} cameras"
                )
            if isinstance(cameras, Mapping):
                named: Iterable[tuple[Any, Any]] = cameras.items()
            elif len(cameras) == len(_CAMERAS):
                named = zip(_CAMERAS, cameras, strict=True)
            else:
                raise ValueError(f"{name}, {action}: {len(cameras)} cameras in a list, not {len(_CAMERAS)}")
            for camera, array in named:
                yield _normal(f"{name}_{action}.{camera}"), array


def _normal(name: str) -> str:
    """A recording's name without spaces, and with the action as the published tables call it."""
    name = name.strip().replace(" ", "_")
    for other, usual in OTHER_NAMES.items():
        name = name.replace(f"_{other}", f"_{usual}")
    return name


def _of_recordings(
    path: Path, recordings: Sequence[tuple[str, Any]], expected: Sequence[str], n_joints: int
) -> NDArray[np.float64]:
    frames: dict[str, list[FrameId]] = {}
    for name in expected:
        frame = FrameId.parse(name)
        frames.setdefault(_name(frame.sequence), []).append(frame)
    # Other recordings than those of the split, e.g. of all subjects, are no mistake; two of one name are.
    names = [name for name, _ in recordings]
    check_ids([name for name in names if name in frames], tuple(frames), path=path)
    arrays = dict(recordings)
    found: dict[str, NDArray[np.float64]] = {}
    for name, wanted in frames.items():
        array = np.asarray(arrays[name], np.float64)
        if array.ndim != 3 or array.shape[1:] != (n_joints, 3):
            raise _wrong_size(path, f"{name} is of shape {array.shape}", f"(frames, {n_joints}, 3)")
        last = max(frame.frame for frame in wanted)
        if len(array) != len(wanted) and len(array) <= last:
            raise _wrong_size(
                path,
                f"{name} has {len(array)} poses",
                f"one for each frame of the video (frame {last} is needed) or for each of the {len(wanted)} frames of "
                "the split",
            )
        rows = range(len(wanted)) if len(array) == len(wanted) else [frame.frame for frame in wanted]
        found |= {str(frame): array[row] for frame, row in zip(wanted, rows, strict=True)}
    return np.stack([found[name] for name in expected])


def _name(sequence: SequenceName) -> str:
    return _normal(str(sequence))


def _wrong_size(path: Path, what: str, wanted: str) -> DataError:
    return DataError(f"{path}: {what}, not {wanted}", kind="prediction_wrong_size", file=str(path))
