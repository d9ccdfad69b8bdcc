"""Reading SMPL's pickles without running anything of them: arrays, chumpy's arrays, and sparse matrices of scipy.

The published `basicmodel_*.pkl` were written by Python 2 with objects of chumpy, a package that no longer installs. An
object of chumpy is read as its attributes, of which the values are taken; a matrix of scipy as its arrays.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.files.pickle_machine import INSTRUCTIONS, PickleRefusedError
from hcmoco_bench.files.pickled_arrays import ArrayPickle, Name, text
from hcmoco_bench.files.plain_pickle import MAX_INSTRUCTIONS, PlainPickleError

_RECONSTRUCTOR: Final = frozenset(Name(module, "_reconstructor") for module in ("copy_reg", "copyreg"))
_NEW_OBJECT: Final = frozenset(Name(module, "__newobj__") for module in ("copy_reg", "copyreg"))
_OBJECT: Final = frozenset(Name(module, "object") for module in ("__builtin__", "builtins"))
_SET: Final = frozenset(Name(module, "set") for module in ("__builtin__", "builtins"))
_FUNCTIONS: Final = _RECONSTRUCTOR | _NEW_OBJECT | _OBJECT | _SET
_SPARSE: Final = {"csc_matrix": sparse.csc_matrix, "csr_matrix": sparse.csr_matrix}
_DAMAGED: Final = (LookupError, ValueError, TypeError, OverflowError, MemoryError, AttributeError, struct.error)
_DEEPEST: Final = 20
"""Objects of chumpy within each other, of which a file has two or three."""


class _Record:
    """An object of a class that is not looked up; it refers to its state, copies of which could fill the memory."""

    def __init__(self, name: Name) -> None:
        self.name = name
        self.state: dict[Any, Any] = {}


def read_smpl_pickle(path: Path) -> dict[str, Any]:
    """The dictionary that a pickle holds, its arrays and matrices as `numpy_array` reads them.

    Args:
        path: A pickle of protocol 0 to 5, of Python 2 or 3.

    Raises:
        PlainPickleError: `foreign` if it asks for other objects or functions, or holds no dictionary; `damaged` if it
            is missing, cut short, or no pickle. The message is one line.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            value = _SmplPickle(stream, size, MAX_INSTRUCTIONS).run()
    except PickleRefusedError as error:
        raise PlainPickleError(f"it asks for {error}", kind="foreign") from error
    except OSError as error:
        raise PlainPickleError(f"it cannot be read ({error.strerror})") from error
    except _DAMAGED as error:
        raise PlainPickleError(f"it is no whole pickle ({type(error).__name__}: {error})") from error
    if type(value) is not dict:
        raise PlainPickleError(f"it holds a {type(value).__name__}, not a dictionary", kind="foreign")
    return {key if isinstance(key, str) else _key(key): one for key, one in value.items()}


def _key(key: Any) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def numpy_array(value: Any) -> NDArray[Any]:
    """An array of numbers from an array, an array of chumpy, or a sparse matrix.

    Raises:
        ValueError: If it is something else; says what.
    """
    return _numpy_array(value, 0)


def _numpy_array(value: Any, depth: int) -> NDArray[Any]:
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, _Record) or depth > _DEEPEST:
        raise ValueError(f"a {type(value).__name__} instead of an array")
    state = {_key(key): one for key, one in value.state.items()}
    module, name = value.name
    if module.startswith("scipy.sparse"):
        return _dense(name, state)
    if "x" in state:  # chumpy.Ch: an array that may be optimized
        return _numpy_array(state["x"], depth + 1)
    if {"a", "idxs"} <= state.keys():  # chumpy's Select: elements of another array, perhaps in another shape
        picked: NDArray[Any] = _numpy_array(state["a"], depth + 1).ravel()[_numpy_array(state["idxs"], depth + 1)]
        shape = state.get("preferred_shape")
        return picked if shape is None else picked.reshape([int(side) for side in shape])
    raise ValueError(f"an object of {printable(f'{module}.{name}'):.80}, which is not known to hold an array")


def _dense(name: str, state: Mapping[str, Any]) -> NDArray[Any]:
    shape = state["_shape"] if "_shape" in state else state["shape"]
    sides = tuple(int(side) for side in shape)
    if len(sides) != 2 or not all(0 < side < 2**24 for side in sides) or sides[0] * sides[1] > 2**26:
        raise ValueError(f"a sparse matrix of {sides}")
    parts = (np.array(state["data"]), np.array(state["indices"]), np.array(state["indptr"]))
    matrix = _SPARSE[name](parts, shape=sides)
    matrix.check_format(full_check=True)
    return np.asarray(matrix.toarray())


def _new(machine: _SmplPickle) -> None:
    arguments, kind = machine.stack.pop(), machine.stack.pop()
    machine.push(machine.new(kind, arguments))


class _SmplPickle(ArrayPickle):
    instructions: ClassVar[Mapping[bytes, Callable[[Any], Any]]] = {**INSTRUCTIONS, b"\x81": _new}

    def name(self, module: Any, name: Any) -> Name:
        found = Name(text(module), text(name))
        if found in _FUNCTIONS or _is_record(found):
            return found
        return super().name(module, name)

    def call(self, function: Any, arguments: Any) -> Any:
        if isinstance(function, Name) and isinstance(arguments, tuple):
            if function in _RECONSTRUCTOR:
                kind, base, state = arguments
                if base in _OBJECT and state is None:
                    return self.new(kind, ())
            elif function in _NEW_OBJECT and arguments:
                return self.new(arguments[0], arguments[1:])
            elif function in _SET and len(arguments) == 1 and type(arguments[0]) is list:
                return arguments[0]  # nobody asks whether it is a set
            elif _is_record(function):
                return self.new(function, arguments)
        return super().call(function, arguments)

    def new(self, kind: Any, arguments: Any) -> _Record:
        if not isinstance(kind, Name) or not _is_record(kind) or arguments != ():
            raise PickleRefusedError(
                f"an object of {'.'.join(kind) if isinstance(kind, Name) else type(kind).__name__}"
            )
        return _Record(kind)

    def with_state(self, target: Any, state: Any) -> Any:
        if isinstance(target, _Record):
            if type(state) is not dict:
                raise PickleRefusedError("an object whose state is no dictionary")
            target.state = state
            return target
        return super().with_state(target, state)


def _is_record(name: Name) -> bool:
    sparse_module = name.module == "scipy.sparse" or name.module.startswith("scipy.sparse.")
    return name.module.startswith("chumpy.") or (sparse_module and name.name in _SPARSE)
