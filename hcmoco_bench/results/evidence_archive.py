"""The archive that an evidence file is: the same bytes for the same content, and read as what may be hostile.

Whoever checks a row reads evidence that somebody else sent. A small archive can unpack to any size, the header of an
array can claim any shape, and what a zip states of its members need not be true; so everything is bounded before it is
unpacked, and nothing in an archive is executed.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files.json import json_text

MOST_PACKED: Final = 1 << 28
"""Bytes of an evidence file, 256 MiB; evidence of 2,000 images has 0.3 MiB."""
MOST_UNPACKED: Final = 1 << 29
"""Bytes of all members, 512 MiB; the widest evidence, that of DensePose, has 6 KiB an image, or 30 MiB for 5,000."""
MOST_SAMPLES: Final = 1 << 22
"""Samples, 4,194,304; all frames of Human3.6M together are fewer."""
_MOST_HEADER: Final = 1 << 20
_MOST_MEMBERS: Final = 64
_MOST_DIMENSIONS: Final = 8

_HEADER, _IDS, _COLUMN, _SUFFIX = "evidence.json", "sample_ids.npy", "columns/", ".npy"
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_DIRECTORY_ENTRY: Final = b"PK\x01\x02"


@dataclass(frozen=True, eq=False)
class Archive:
    """The content of an evidence file: header, ids of the samples, and columns by name."""

    header: Mapping[str, Any]
    ids: tuple[str, ...]
    columns: Mapping[str, NDArray[Any]]


def pack(header: Mapping[str, Any], ids: Sequence[str], columns: Mapping[str, NDArray[Any]]) -> bytes:
    """An archive, whose bytes depend on the content alone; columns come by name."""
    members = {_IDS: np.array(ids, dtype=np.str_)}
    members |= {f"{_COLUMN}{name}{_SUFFIX}": np.asarray(one) for name, one in sorted(columns.items())}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, _HEADER, json_text(header, sort_keys=True, allow_nan=False).encode())
        for name, array in members.items():
            _put(archive, name, _npy(array))
    return content.getvalue()


def unpack(data: bytes) -> Archive:
    """The content of an archive, of a size that is bounded whatever the archive holds.

    Raises:
        ValueError: If it is larger than the bounds, a member comes twice or has no place here, the header holds numbers
            that are not finite, or an array is no array of numbers or booleans with a row for each sample.
        zipfile.BadZipFile: If it is no whole archive; any other of `NPZ_ERRORS` may be raised, too.
    """
    # Each entry of the archive's directory begins so: they are counted before `zipfile` makes objects of all of them.
    if data.count(_DIRECTORY_ENTRY) > _MOST_MEMBERS:
        raise ValueError(f"more than {_MOST_MEMBERS} members")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        names = [member.filename for member in members]
        _check_members(members, names)
        header = _header(_content(archive, _HEADER, _MOST_HEADER))
        ids = _array(_content(archive, _IDS), _IDS, "U", None)
        if ids.ndim != 1:
            raise ValueError(f"{_IDS} has the shape {ids.shape}")
        columns = {
            name.removeprefix(_COLUMN).removesuffix(_SUFFIX): _array(_content(archive, name), name, "biuf", len(ids))
            for name in names
            if name.startswith(_COLUMN)
        }
    return Archive(header, tuple(map(str, ids)), columns)


def _check_members(members: Sequence[zipfile.ZipInfo], names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        raise ValueError(f"{max(names, key=names.count)!r} comes twice")
    foreign = [
        name
        for name in names
        if name not in (_HEADER, _IDS) and not (name.startswith(_COLUMN) and name.endswith(_SUFFIX))
    ]
    if foreign:
        raise ValueError(f"{foreign[0]!r} does not belong there")
    # Other methods unpack a whole member at once, whatever number of bytes is asked for.
    if any(one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for one in members):
        raise ValueError("it is compressed by another method than deflate")
    size = sum(one.file_size for one in members)
    if size > MOST_UNPACKED:
        raise ValueError(f"it unpacks to {size:,} bytes, and at most {MOST_UNPACKED:,} are read")


def _content(archive: zipfile.ZipFile, name: str, most: int = MOST_UNPACKED) -> bytes:
    """A member, of which no more is unpacked than the size that it states."""
    size = archive.getinfo(name).file_size
    if size > most:
        raise ValueError(f"{name} has {size:,} bytes, and at most {most:,} are read")
    with archive.open(name) as member:
        content = member.read(size)
    if len(content) != size:
        raise ValueError(f"{name} has {len(content):,} bytes, and {size:,} are stated")
    return content


def _header(content: bytes) -> Mapping[str, Any]:
    header = json.loads(content, parse_constant=_finite, parse_float=_finite)
    if not isinstance(header, dict):
        raise ValueError(f"{_HEADER} is no object")
    if not isinstance(header["metric"], str) or not isinstance(header["meta"], dict):
        raise ValueError(f"{_HEADER} has another form")
    return header


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{_HEADER} holds {text}, which is not finite")
    return value


def _array(content: bytes, name: str, kinds: str, rows: int | None) -> NDArray[Any]:
    """An array of some kinds of numbers, if its header claims exactly the bytes that are there."""
    stream = io.BytesIO(content)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        raise ValueError(f"{name} is of the version {version}")
    shape, _, dtype = readers[version](stream)
    if dtype.kind not in kinds:
        raise ValueError(f"{name} holds {dtype}")
    if not 1 <= len(shape) <= _MOST_DIMENSIONS or not 0 <= shape[0] <= MOST_SAMPLES or rows not in (None, shape[0]):
        raise ValueError(f"{name} has the shape {shape}" + ("" if rows is None else f" for {rows:,} samples"))
    # A row counts as if there was one even where there is none: sums over no samples have the size of a row.
    if math.prod(max(1, size) for size in shape) * max(1, dtype.itemsize) > MOST_UNPACKED:
        raise ValueError(f"{name} claims the shape {shape} of {dtype}")
    if math.prod(shape) * dtype.itemsize != len(content) - stream.tell():
        raise ValueError(f"{name} has the shape {shape} of {dtype} and {len(content) - stream.tell():,} bytes")
    stream.seek(0)
    return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _npy(array: NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.lib.format.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
    return content.getvalue()


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # A fixed date, so that the bytes depend on the content alone.
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, data)
