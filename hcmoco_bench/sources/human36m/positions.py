"""Human3.6M's published joint positions: CDF files, read with bounds on what a damaged or hostile file can ask for.

`MyPoseFeatures/D3_Positions_mono/*.cdf` hold the joints in a camera's coordinates (millimeters; x right, y down, z
forward), `MyPoseFeatures/D2_Positions/*.cdf` their projections (pixels). Each has one variable, `Pose`, of shape
(1, F, joints x axes).
"""

from __future__ import annotations

import contextlib
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Final

import cdflib
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.file_kinds import LOOKED_AT, advice
from hcmoco_bench.sources.human36m.layout import POSE_JOINTS, POSE_VARIABLE

_MOST_FRAMES: Final = 20_000
"""Frames that a file may hold; the longest published recording has 6,343."""

_MOST_BYTES: Final = _MOST_FRAMES * 3 * len(joint_set(POSE_JOINTS)) * np.dtype(np.float64).itemsize
_SLACK: Final = 1 << 20
"""Bytes of a file beside its values: records, attributes, the copyright."""

_TURNS: Final = 4
"""How often over a file may be read before its links count as going in circles."""

_PLAIN: Final = b"\x00\x00\xff\xff"
_GZIP: Final = b"\x1f\x8b\x08"
_CDF: Final = (b"\xcd\xf3\x00\x01", b"\xcd\xf2\x60\x02", b"\x00\x00\xff\xff")
_THIGH: Final = (150.0, 750.0)
"""Millimeters between which the thigh of a person, child or adult, lies."""


def read_positions(path: Path) -> NDArray[np.float64]:
    """Joint positions of one recording.

    Args:
        path: A `.cdf` file of `D3_Positions_mono` (or of `D3_Positions`, whose axes are the room's).

    Returns:
        (F, 32, 3) millimeters, joint set `h36m32`; in the camera's coordinates: x right, y down, z forward.

    Raises:
        DataError: Kind `positions_unreadable`: missing, cut off, damaged or no CDF file; `positions_shape`: no variable
            `Pose` of F x 96 numbers; `positions_not_finite`: a value that is no number, or a frame of zeros;
            `positions_unit`: the body is not of a person's size in millimeters.
    """
    positions = _read(path, 3)
    pose = joint_set(POSE_JOINTS)
    thigh = positions[:, pose.index("right knee")] - positions[:, pose.index("right hip")]
    length = float(np.median(np.linalg.norm(thigh, axis=-1)))
    if not _THIGH[0] <= length <= _THIGH[1]:
        raise DataError(
            f"{path}: a thigh is {length:.4g} long, which is no person's in millimeters; give the published file",
            kind="positions_unit",
            file=str(path),
        )
    return positions


def read_projections(path: Path) -> NDArray[np.float64]:
    """Joint positions of one recording in its images.

    Args:
        path: A `.cdf` file of `D2_Positions`.

    Returns:
        (F, 32, 2) x and y in pixels of the video, joint set `h36m32`.

    Raises:
        DataError: As `read_positions`, except `positions_unit`.
    """
    return _read(path, 2)


def _read(path: Path, axes: int) -> NDArray[np.float64]:
    try:
        _check_size(path)
        values = _variable(path)
    except DataError:
        raise
    # What cdflib raises about a damaged file has no common type.
    except Exception as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error
    count = len(joint_set(POSE_JOINTS))
    if values.dtype.kind != "f" or values.ndim != 3 or values.shape[0] != 1 or values.shape[2] != count * axes:
        raise _shape(path, f"{values.dtype} of shape {values.shape}", axes)
    if not values.shape[1]:
        raise _shape(path, "no frame", axes)
    with np.errstate(invalid="ignore"):  # not finite values are refused below
        frames: NDArray[np.float64] = values[0].astype(np.float64).reshape(-1, count, axes)
    wrong = ~np.isfinite(frames).all(axis=(1, 2)) | ~frames.any(axis=(1, 2))
    if wrong.any():
        raise DataError(
            f"{path}: frame {int(wrong.argmax())} holds values that are no positions (not finite, or all zero), as do "
            f"{int(wrong.sum()) - 1} others; the file is damaged, extract or download it again",
            kind="positions_not_finite",
            file=str(path),
        )
    return frames


def _check_size(path: Path) -> None:
    """Refuse what cannot be a file of positions before cdflib, which trusts its headers, sees it."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > _MOST_BYTES + _SLACK:
            raise _unreadable(path, f"{size:,} bytes are more than {_MOST_FRAMES:,} frames need")
        content = file.read()
    if not content.startswith(_CDF):
        raise _unreadable(path, "it does not begin as a CDF file does")
    if content[4:8] != _PLAIN and _GZIP not in content[:LOOKED_AT]:
        raise _unreadable(path, "it is packed by another method than gzip")
    start = content.find(_GZIP)
    left = _MOST_BYTES + _SLACK
    while start >= 0:
        # Every stream that could be unpacked begins with these bytes; together they may not exceed the limit.
        with contextlib.suppress(zlib.error):
            left -= len(zlib.decompressobj(wbits=31).decompress(content[start:], left + 1))
        if left < 0:
            raise _unreadable(path, f"unpacked, it is larger than {_MOST_FRAMES:,} frames are")
        start = content.find(_GZIP, start + 1)


def _variable(path: Path) -> NDArray[Any]:
    """The values of `Pose` as they stand in the file."""
    with _BoundedCdf(path) as file:
        try:
            about = file.varinq(POSE_VARIABLE)
        except ValueError as error:
            if "not found" not in str(error):
                raise
            raise DataError(
                f"{path}: has no variable {POSE_VARIABLE!r}; give Human3.6M's published file",
                kind="positions_shape",
                file=str(path),
            ) from error
        records = about.Last_Rec + 1 if about.Rec_Vary else 1
        shape = (records, *about.Dim_Sizes)
        if records < 1 or min(shape) < 1 or int(np.prod([float(size) for size in shape])) * 8 > _MOST_BYTES:
            raise DataError(
                f"{path}: {POSE_VARIABLE} has the shape {shape}, which no published file has; give the published one",
                kind="positions_shape",
                file=str(path),
            )
        values = np.asarray(file.varget(POSE_VARIABLE))
    return values.reshape(shape) if values.size == np.prod(shape) else values


class _BoundedCdf(cdflib.CDF):  # type: ignore[misc]
    """cdflib's reader over a metered file, from its first byte on.

    cdflib follows a file's links wherever they lead, counts as far as a record says, and takes what a file or a record
    lacks for zeros.
    """

    @property
    def _f(self) -> _Metered:
        return self._metered

    @_f.setter
    def _f(self, file: BinaryIO) -> None:
        self._metered = _Metered(file)


class _Metered:
    """A file that refuses to be read past its end, or again and again."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = _TURNS * (os.fstat(file.fileno()).st_size + _SLACK)
        self._calls = self._left

    def read(self, size: int) -> _Record:
        if size < 0:
            raise EOFError("a record has a negative size")
        content = self._file.read(size)
        self._left -= len(content)
        self._calls -= 256
        if len(content) < size:
            raise EOFError(f"it ends {size - len(content)} bytes too early")
        if min(self._left, self._calls) < 0:
            raise EOFError("its records go round in circles")
        return _Record(content)

    def seek(self, *place: int) -> int:
        return self._file.seek(*place)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()


class _Record(bytes):
    """Bytes of a file whose parts beyond the end are an error, and not empty."""

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice) and place.stop is not None and place.stop > len(self):
            raise EOFError("a record is shorter than its numbers say")
        return super().__getitem__(place)


def _unreadable(path: Path, why: str) -> DataError:
    try:
        with path.open("rb") as file:
            what = advice(file.read(LOOKED_AT), "CDF file")
    except OSError as error:
        what = f"check the path and its permissions ({error.strerror})"
    return DataError(
        f"{path}: not a readable CDF file of joint positions ({why}); {what}",
        kind="positions_unreadable",
        file=str(path),
    )


def _shape(path: Path, found: str, axes: int) -> DataError:
    count = len(joint_set(POSE_JOINTS))
    return DataError(
        f"{path}: {POSE_VARIABLE} is {found}, not numbers of shape (1, frames, {count} joints x {axes} axes); give the "
        "published file",
        kind="positions_shape",
        file=str(path),
    )
