"""Files of `torch.save` that hold objects of other programs' classes, read without these classes and without code.

torch's own restricted reader refuses every class that it does not know. This one reads objects of chosen classes as
records of their attributes (see `object_pickle`), and tensors as views of the file, which is mapped into memory: only
the tensors that are asked for are read.

Both of torch's formats are read: the zip archive, and that from before torch 1.6.
"""

from __future__ import annotations

import io
import math
import mmap
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from hcmoco_bench.files.object_pickle import Global, Name, ObjectPickle
from hcmoco_bench.files.pickle_machine import PickleRefusedError, Stream
from hcmoco_bench.files.tensor_files import TensorFileError
from hcmoco_bench.files.zip_errors import ZIP_ERRORS

_DTYPES: Final = {
    ("torch", f"{name}Storage"): np.dtype(code)
    for name, code in {
        "Byte": "u1",
        "Char": "i1",
        "Bool": "?",
        "Short": "<i2",
        "Int": "<i4",
        "Long": "<i8",
        "Half": "<f2",
        "Float": "<f4",
        "Double": "<f8",
    }.items()
}
_ARCHIVE: Final = b"PK\x03\x04"
_PROTOCOL: Final = b"\x80"
_MAGIC: Final = 0x1950A86A20F9469CFC6C
_OLDER_VERSION: Final = 1001
_LOCAL_HEADER: Final = 30
_LARGEST_RANK: Final = 8
_DAMAGED: Final = (*ZIP_ERRORS, LookupError, TypeError, OverflowError, struct.error)


@dataclass(eq=False)
class _Storage:
    """The memory of tensors: type and number of its values, and where they are; None until that is known."""

    dtype: np.dtype[Any]
    size: int
    data: memoryview | None = None


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor in a file.

    Attributes:
        shape: Its sizes.
        dtype: Type of its values.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int
    storage: _Storage

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its values."""
        return self.storage.dtype

    def array(self) -> NDArray[Any]:
        """Its values, in memory of their own.

        Raises:
            TensorFileError: If the values are not in the file, or overlap, so that they would take more memory than it.
        """
        storage, values = self.storage, math.prod(self.shape)
        last = self.offset + sum((size - 1) * step for size, step in zip(self.shape, self.strides, strict=True))
        if storage.data is None or (values and not (last < storage.size and values <= storage.size)):
            raise TensorFileError(f"a tensor of shape {self.shape} lies outside of its memory")
        if not values:
            return np.zeros(self.shape, self.dtype)
        flat = np.frombuffer(storage.data, self.dtype, count=storage.size)[self.offset :]
        steps = tuple(step * self.dtype.itemsize for step in self.strides)
        return np.array(as_strided(flat, self.shape, steps, writeable=False), order="C")


def is_torch_file(path: Path) -> bool:
    """Whether a file starts as those of `torch.save` do; other archives and pickles do so too."""
    with path.open("rb") as handle:
        start = handle.read(4)
    return start == _ARCHIVE or start[:1] == _PROTOCOL


def read_torch_objects(path: Path, records: Callable[[Name], bool]) -> Any:
    """What `torch.save` wrote: lists, dictionaries, numbers, texts, `StoredTensor`, and `StoredObject` for records.

    Args:
        path: The file; it must exist.
        records: Whether objects of a class, given by module and name, are read; such classes are never looked up.

    Raises:
        TensorFileError: `foreign` if the file names any other function or class, `damaged` if it is cut short or
            changed; the message is one line.
    """
    try:
        with path.open("rb") as handle:
            content = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        if content[:4] == _ARCHIVE:
            return _read_archive(path, memoryview(content), records)
        return _read_older(content, records)
    except PickleRefusedError as error:
        raise TensorFileError(f"it asks for {error}, which is not read from a file", kind="foreign") from error
    except _DAMAGED as error:
        raise TensorFileError(" ".join(str(error).split()) or type(error).__name__) from error


def _read_archive(path: Path, data: memoryview, records: Callable[[Name], bool]) -> Any:
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if any(info.compress_type != zipfile.ZIP_STORED for info in members.values()):
            raise ValueError("it is compressed, which torch's files are not")
        bad = archive.testzip()
    if bad is not None:
        raise ValueError(f"the checksum of {bad} is wrong")
    pickles = [name for name in members if name.count("/") == 1 and name.endswith("/data.pkl")]
    if len(pickles) != 1:
        raise ValueError("an archive without a data.pkl, so not of torch.save")
    folder = pickles[0].removesuffix("data.pkl")

    def member(name: str) -> memoryview:
        return _member(data, members[folder + name])

    if "byteorder" in (name.removeprefix(folder) for name in members) and bytes(member("byteorder")) != b"little":
        raise ValueError("it was written by a big-endian machine")

    def find(storage: _Storage, key: str) -> None:
        storage.data = member(f"data/{key}")
        if len(storage.data) < storage.size * storage.dtype.itemsize:
            raise ValueError(f"tensor data {key} is cut short")

    content = member("data.pkl")
    return _Pickle(io.BytesIO(content), len(content), records, find).reader.run()


def _member(data: memoryview, info: zipfile.ZipInfo) -> memoryview:
    """The bytes of an uncompressed member, behind its local header."""
    name, extra = struct.unpack_from("<HH", data, info.header_offset + _LOCAL_HEADER - 4)
    first = info.header_offset + _LOCAL_HEADER + name + extra
    return data[first : first + info.file_size]


def _read_older(file: mmap.mmap, records: Callable[[Name], bool]) -> Any:
    """Pickles of a number, a version, the machine, the content and the tensors' keys; then the tensors' values."""
    data, pickles = memoryview(file), _Pickle(file, len(file), records, lambda storage, key: None)
    reader = pickles.reader
    if reader.run() != _MAGIC or reader.run() != _OLDER_VERSION:
        raise ValueError("not a file of torch.save")
    machine, content, keys = reader.run(), reader.run(), reader.run()
    if not isinstance(machine, dict) or machine.get("little_endian") is not True:
        raise ValueError("it was written by a big-endian machine")
    if not isinstance(keys, list) or {type(key) for key in keys} - {str} or set(keys) != set(pickles.storages):
        raise ValueError("its tensors are not those that it lists")
    position = file.tell()
    for key in keys:
        storage = pickles.storages[key]
        (size,) = struct.unpack_from("<q", data, position)
        storage.data = data[position + 8 : position + 8 + size * storage.dtype.itemsize]
        if size != storage.size or len(storage.data) != size * storage.dtype.itemsize:
            raise ValueError(f"tensor data {key} is cut short")
        position += 8 + len(storage.data)
    return content


class _Pickle:
    """A reader of pickles with torch's tensors; each memory is told to `found` with its key when it is first named."""

    def __init__(
        self, stream: Stream, size: int, records: Callable[[Name], bool], found: Callable[[_Storage, str], None]
    ) -> None:
        self.storages: dict[str, _Storage] = {}
        self._found = found
        self.reader = ObjectPickle(
            stream,
            size,
            functions={("torch._utils", "_rebuild_tensor_v2"): _tensor, ("collections", "OrderedDict"): _ordered},
            records=records,
            words=frozenset(_DTYPES),
            stored=self._storage,
        )

    def _storage(self, identifier: Any) -> _Storage:
        word, kind, key, _, size, *views = identifier  # what is left out is the device
        if word != "storage" or not isinstance(kind, Global) or not isinstance(key, str) or any(views):
            raise TypeError("tensor memory of another kind")
        if key not in self.storages:
            self.storages[key] = _Storage(_DTYPES[kind.name], _natural(size))
            self._found(self.storages[key], key)
        storage = self.storages[key]
        if (storage.dtype, storage.size) != (_DTYPES[kind.name], size):
            raise ValueError(f"tensor memory {key} has two types or sizes")
        return storage


def _ordered(*entries: Any) -> dict[Any, Any]:
    """An `OrderedDict`, which torch writes without entries."""
    if entries:
        raise TypeError("an ordered dictionary made of something")
    return {}


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> StoredTensor:
    if not isinstance(storage, _Storage) or not len(shape) == len(strides) <= _LARGEST_RANK:
        raise TypeError("a tensor without memory, or of too many dimensions")
    return StoredTensor(tuple(map(_natural, shape)), tuple(map(_natural, strides)), _natural(offset), storage)


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a tensor whose sizes are not natural numbers")
    return value
