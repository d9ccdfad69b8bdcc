"""Reading numpy arrays from a pickle without running anything of it.

A pickle is a program: it names functions and calls them. Here four names are known, numpy's own for arrays, and each
stands for a small class that only keeps what it is given; arrays are then made of the kept bytes. A pickle that names
anything else is refused.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError

_BROKEN: Final = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    MemoryError,
    RecursionError,
)


def read_array_pickle(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a pickled dictionary, of Python 2 or 3.

    Args:
        path: The file; it is read into memory, and its arrays are views of what was read.

    Returns:
        Its arrays by name, read-only. Other entries (numbers, texts, lists) are left out.

    Raises:
        DataError: Kind `pickle_refused` if it names anything but numpy's arrays, `pickle_unreadable` if it is missing,
            truncated, or not a dictionary of numeric arrays.
    """
    try:
        with path.open("rb") as handle:
            # As bytes: Python 2 kept an array's memory as text, which would be decoded to a copy.
            content = _Unpickler(handle, encoding="bytes").load()
        if not isinstance(content, dict):
            raise ValueError(f"it holds a {type(content).__name__}")
        return {_text(name): value.array() for name, value in content.items() if isinstance(value, _Array)}
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror})", kind="pickle_unreadable", file=str(path)
        ) from error
    except _Refused as error:
        raise DataError(
            f"{path}: it asks for {error}, and only numpy arrays are read from pickles; take the file of the DensePose "
            "authors",
            kind="pickle_refused",
            file=str(path),
        ) from error
    except _BROKEN as error:
        raise DataError(
            f"{path}: not a whole pickled dictionary of arrays ({type(error).__name__}: {error}); fetch it again",
            kind="pickle_unreadable",
            file=str(path),
        ) from error


class _Refused(Exception):  # noqa: N818 - an answer, not a failure
    pass


class _Dtype:
    def __init__(self, code: Any, *_: Any) -> None:
        self.code, self.order = _text(code), "="

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.order = _text(state[1])

    def dtype(self) -> np.dtype[Any]:
        found = np.dtype(self.code)
        if found.kind not in "biuf" or found.itemsize == 0:
            raise ValueError(f"an array of {found}, not of numbers")
        return found.newbyteorder(">") if self.order == ">" else found.newbyteorder("<")


@dataclass
class _Array:
    shape: tuple[int, ...] = ()
    dtype: _Dtype | None = None
    column_major: bool = False
    data: bytes | bytearray = b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, self.shape, self.dtype, self.column_major, self.data = state

    def array(self) -> NDArray[Any]:
        if not isinstance(self.dtype, _Dtype) or not isinstance(self.data, bytes | bytearray):
            raise TypeError("an array without numbers")
        dtype, shape = self.dtype.dtype(), tuple(int(size) for size in self.shape)
        if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != len(self.data):
            raise ValueError(f"an array of shape {shape} with {len(self.data)} bytes")
        return np.frombuffer(self.data, dtype).reshape(shape, order="F" if self.column_major else "C")


def _reconstruct(*_: Any) -> _Array:
    return _Array()


def _from_buffer(data: bytes, dtype: _Dtype, shape: tuple[int, ...], order: Any, *_: Any) -> _Array:
    return _Array(shape, dtype, _text(order) == "F", data)


def _latin1(text: str, encoding: Any) -> bytes:
    # How Python 3 writes bytes in the protocols of Python 2.
    if _text(encoding) != "latin1":
        raise _Refused(f"the encoding {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""  # how Python 3 writes them in the protocols of Python 2


def _array_type(*_: Any) -> Any:
    raise TypeError("numpy.ndarray is called")  # it is only ever an argument


class _Name:
    """What a name of the pickle stands for; can be called, and not be changed."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:
        return self._make(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise _Refused("a change of one of its functions")


_KNOWN: Final = {
    ("numpy", "dtype"): _Name(_Dtype),
    ("numpy", "ndarray"): _Name(_array_type),
    ("_codecs", "encode"): _Name(_latin1),
    ("__builtin__", "bytes"): _Name(_no_bytes),
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Name(_reconstruct) for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Name(_from_buffer) for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _KNOWN:
            raise _Refused(f"{module}.{name}")
        return _KNOWN[module, name]


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
