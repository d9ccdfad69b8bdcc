"""Arrays of objects in `.npz` files, which numpy writes as pickles: read without running anything of them.

`numpy.savez(path, name=value)` stores a dictionary, or lists of different lengths, as an array of objects.
`ArrayPickle` refuses those; here they are read as what they hold, if that is plain values and arrays of numbers.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any, Final

import numpy as np

from hcmoco_bench.files.pickle_machine import PickleRefusedError
from hcmoco_bench.files.pickled_arrays import ArrayPickle, Name, Unfinished, text
from hcmoco_bench.files.plain_pickle import DAMAGED, MAX_INSTRUCTIONS, PlainPickleError, require_plain
from hcmoco_bench.files.zip_errors import NPZ_ERRORS

_DTYPE: Final = Name("numpy", "dtype")
_OBJECT: Final = "O"
_LARGEST: Final = 1 << 31
"""Bytes of a member that is read."""


class _ObjectType(Unfinished):
    """The type of arrays of objects."""


class ObjectArrayPickle(ArrayPickle):
    """A pickle of plain values, arrays of numbers, and arrays of such values.

    An array of objects becomes what it holds: its one value if it has no dimensions, or else a list.
    """

    def call(self, function: Any, arguments: Any) -> Any:
        """See `ArrayPickle.call`."""
        if function == _DTYPE and isinstance(arguments, tuple) and text(arguments[0])[:1] == _OBJECT:
            return _ObjectType()
        return super().call(function, arguments)

    def with_state(self, target: Any, state: Any) -> Any:
        """See `ArrayPickle.with_state`."""
        if isinstance(target, _ObjectType):
            return target
        if isinstance(target, Unfinished) and isinstance(state, tuple) and isinstance(state[-3], _ObjectType):
            value = _held(state[-4], state[-1])
            for place in self.unfinished.pop(id(target), ()):
                self.memory[place] = value
            return value
        return super().with_state(target, state)


def _held(shape: Any, items: Any) -> Any:
    sizes = tuple(int(size) for size in shape)
    if type(items) is not list or len(sizes) > 1 or math.prod(sizes) != len(items):
        raise PickleRefusedError("an array of objects of a shape that is not read")
    return items if sizes else items[0]


def read_npz_objects(path: Path) -> dict[str, Any]:
    """Every array of an `.npz` file by name; those of objects as the plain values that they hold.

    Raises:
        PlainPickleError: `foreign` if an array of objects asks for other objects or functions; `damaged` if the file is
            missing, cut short, no archive, or larger than 2 GiB unpacked. The message is one line.
    """
    found: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > _LARGEST:
                raise PlainPickleError("unpacked, it is larger than 2 GiB")
            for member in archive.infolist():
                found[member.filename.removesuffix(".npy")] = _array(archive.read(member))
    except NPZ_ERRORS as error:
        raise PlainPickleError(f"it is no whole .npz file ({type(error).__name__}: {error})") from error
    return found


def _array(content: bytes) -> Any:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    _, _, dtype = read_header(stream)
    if not dtype.hasobject:
        return np.load(io.BytesIO(content), allow_pickle=False)
    try:
        value = ObjectArrayPickle(stream, len(content), MAX_INSTRUCTIONS).run()
    except PickleRefusedError as error:
        raise PlainPickleError(f"it asks for {error}", kind="foreign") from error
    except DAMAGED as error:
        raise PlainPickleError(f"it is no whole pickle ({type(error).__name__}: {error})") from error
    require_plain(value)
    return value
