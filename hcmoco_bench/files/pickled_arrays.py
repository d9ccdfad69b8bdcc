"""What the names mean that numpy arrays have in pickles: the six functions that numpy writes there, as our own.

A pickle names functions and calls them. Here a name is a value that nobody can call; `call` knows what the few names
stand for that numpy's own pickles use, and refuses every other one. Nothing is looked up in an installed module.
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files.number_formats import NUMBER_FORMATS
from hcmoco_bench.files.pickle_machine import PickleMachine, PickleRefusedError, Stream, refused_name

_ORDERS: Final = {"<": "<", ">": ">", "=": "<", "|": "|"}


class Name(NamedTuple):
    """A function or class that a pickle names; only `call` knows what it stands for."""

    module: str
    name: str


class Unfinished:
    """Something that a call announced and whose state follows, or does not."""


class _Array(Unfinished):
    pass


class _Type(Unfinished):
    def __init__(self, code: str) -> None:
        self.code = code


NDARRAY: Final = Name("numpy", "ndarray")
_DTYPE: Final = Name("numpy", "dtype")
_EMPTY_BYTES: Final = frozenset({Name("__builtin__", "bytes"), Name("builtins", "bytes")})
_LATIN1: Final = Name("_codecs", "encode")
_CORES: Final = ("numpy.core", "numpy._core")
_RECONSTRUCT: Final = frozenset(Name(f"{core}.multiarray", "_reconstruct") for core in _CORES)
_SCALAR: Final = frozenset(Name(f"{core}.multiarray", "scalar") for core in _CORES)
_FROM_BUFFER: Final = frozenset(Name(f"{core}.numeric", "_frombuffer") for core in _CORES)
_KNOWN: Final = frozenset({NDARRAY, _DTYPE, _LATIN1}) | _EMPTY_BYTES | _RECONSTRUCT | _SCALAR | _FROM_BUFFER


class ArrayPickle(PickleMachine):
    """A pickle of plain values and arrays of numbers.

    Args:
        stream: The file, at its start.
        size: Its size in bytes.
        limit: Number of instructions after which it is refused.
    """

    def __init__(self, stream: Stream, size: int, limit: int) -> None:
        super().__init__(stream, size, limit)
        self.unfinished: dict[int, list[int]] = {}
        self.encoded = 0

    def name(self, module: Any, name: Any) -> Name:
        """See `known`."""
        return known(module, name)

    def call(self, function: Any, arguments: Any) -> Any:
        """See the function `call`."""
        value = call(function, arguments)
        if type(value) is bytes:  # a copy: many instructions could ask for copies of one text
            self.encoded += len(value)
            if self.encoded > self.size:
                raise PickleRefusedError("more copies of texts than it has texts")
        return value

    def with_state(self, target: Any, state: Any) -> Any:
        """See the function `with_state`; what is finished takes its place in the memory too."""
        value = with_state(target, state)
        for place in self.unfinished.pop(id(target), ()):
            self.memory[place] = value
        return value

    def remember(self, place: int) -> None:
        """Keep the top of the stack; what is unfinished is replaced when its state comes."""
        super().remember(place)
        if isinstance(self.stack[-1], Unfinished):
            self.unfinished.setdefault(id(self.stack[-1]), []).append(place)


def known(module: Any, name: Any) -> Name:
    """The name, if it is one that numpy writes; raises PickleRefusedError if it is any other."""
    found = Name(text(module), text(name))
    if found not in _KNOWN:
        raise refused_name(*found)
    return found


def call(function: Any, arguments: Any) -> Any:
    """What a call of a known name gives.

    Args:
        function: A `Name`; everything else is refused.
        arguments: A tuple.

    Returns:
        Bytes, a number, an array, or what is `Unfinished`: an array or a type of numbers.

    Raises:
        PickleRefusedError: If it is no function of numpy's pickles, or its arrays hold anything but numbers.
        ValueError: If the arguments do not fit.
    """
    if not isinstance(function, Name) or not isinstance(arguments, tuple):
        raise PickleRefusedError(f"a call of a {type(function).__name__}")
    if function == _DTYPE:
        return _dtype(arguments[0])
    if function in _RECONSTRUCT:
        if arguments[0] != NDARRAY:
            raise PickleRefusedError("an array of another class than numpy's own")
        return _Array()
    if function in _FROM_BUFFER:
        data, dtype, shape, order = arguments[:4]
        return array(shape, dtype, text(order) == "F", data)
    if function in _SCALAR:
        dtype, data = arguments
        return array((), dtype, False, data).item()
    if function == _LATIN1:
        return _latin1(*arguments)
    if function in _EMPTY_BYTES and not arguments:
        return b""
    raise PickleRefusedError(f"a call of {'.'.join(function)}")


def with_state(target: Any, state: Any) -> Any:
    """A type with its byte order, or an array with its content; everything else has no state to set.

    Raises:
        PickleRefusedError: If the target is something else, or an array holds objects.
        ValueError: If the state does not fit.
    """
    if isinstance(target, _Type):
        return np.dtype(f"{_ORDERS[text(state[1])]}{target.code}")
    if isinstance(target, _Array):
        shape, dtype, column_major, data = state[-4:]
        return array(shape, dtype, bool(column_major), data)
    raise PickleRefusedError(f"a state of a {type(target).__name__}")


def array(shape: Any, dtype: Any, column_major: bool, data: Any) -> NDArray[Any]:
    """A read-only view of bytes.

    Raises:
        PickleRefusedError: If it would hold anything but numbers.
        ValueError: If the bytes are not those of the shape.
    """
    if not isinstance(dtype, np.dtype) or not isinstance(data, bytes):
        raise PickleRefusedError("an array of something other than numbers")
    sizes = tuple(int(size) for size in shape)
    if any(size < 0 for size in sizes) or math.prod(sizes) * dtype.itemsize != len(data):
        raise ValueError(f"an array with {len(data)} bytes has another shape")
    return np.frombuffer(data, dtype).reshape(sizes, order="F" if column_major else "C")


def text(value: Any) -> str:
    """A text of either Python: Python 2 wrote bytes."""
    if isinstance(value, bytes):
        return value.decode("latin1")
    if not isinstance(value, str):
        raise ValueError(f"a {type(value).__name__} where a name is due")
    return value


def _dtype(code: Any) -> _Type:
    name = text(code)
    if name not in NUMBER_FORMATS:
        raise PickleRefusedError(f"an array of {ascii(name)[1:-1]:.40}, not of numbers")
    return _Type(name)


def _latin1(value: Any, encoding: Any = "utf-8") -> bytes:
    # How Python 3 writes bytes in the protocols of Python 2.
    if not isinstance(value, str) or text(encoding) not in ("latin1", "latin-1"):
        raise PickleRefusedError("a text in another encoding than latin1")
    return value.encode("latin1")
