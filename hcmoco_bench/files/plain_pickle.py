"""Reading pickles without running anything of them: plain values and numpy arrays of numbers.

`ArrayPickle` builds numbers, texts, lists, tuples, dictionaries and arrays, and refuses everything else. Python's own
unpickler takes no part in it.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from hcmoco_bench.files.pickle_machine import PickleRefusedError
from hcmoco_bench.files.pickled_arrays import ArrayPickle

MAX_INSTRUCTIONS: Final = 5_000_000
"""An instruction is one byte at least and makes at most some 100 bytes of memory, besides the bytes of the file."""

DAMAGED: Final = (IndexError, KeyError, ValueError, TypeError, OverflowError, MemoryError, struct.error)
_PLAIN: Final = (type(None), bool, int, float, str, bytes, np.ndarray)


class PlainPickleError(Exception):
    """A pickle cannot be read; whoever knows what it is for turns this into its own error.

    Attributes:
        kind: `damaged`, or `foreign` if it asks for anything but plain values and arrays of numbers.
    """

    def __init__(self, why: str, *, kind: Literal["damaged", "foreign"] = "damaged") -> None:
        super().__init__(why)
        self.kind = kind


def read_plain_pickle(path: Path, *, max_instructions: int = MAX_INSTRUCTIONS) -> Any:
    """Read the first value of a pickle of protocol 0 to 5, of Python 2 or 3; nothing of the file is run.

    Memory is bounded by the size of the file and the number of instructions, whatever sizes the file declares.

    Args:
        path: The file.
        max_instructions: Number of instructions after which a file is refused.

    Returns:
        None, a number, str, bytes (`str` of Python 2 and bytearrays too), list, tuple, dict with keys that are none of
        the containers, or read-only numpy array of integers, floats or booleans, nested at will. Scalars of numpy
        become Python's numbers. Values that the file holds once and names twice are one object, also in circles.

    Raises:
        PlainPickleError: `foreign` if it asks for other objects or functions, or exceeds the limit; `damaged` if it is
            missing, cut short, or no pickle. The message is one line.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            value = ArrayPickle(stream, size, max_instructions).run()
    except PickleRefusedError as error:
        raise PlainPickleError(f"it asks for {error}", kind="foreign") from error
    except OSError as error:
        raise PlainPickleError(f"it cannot be read ({error.strerror})") from error
    except DAMAGED as error:
        raise PlainPickleError(f"it is no whole pickle ({type(error).__name__}: {error})") from error
    require_plain(value)
    return value


def require_plain(value: Any) -> None:
    """Raise PlainPickleError (`foreign`) if something is left in a value that only serves to build others."""
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN):
            continue
        if type(one) not in (list, tuple, dict):
            raise PlainPickleError(f"it asks for a {type(one).__name__} as a value", kind="foreign")
        if id(one) not in seen:
            seen.add(id(one))
            waiting.extend(one.values() if isinstance(one, dict) else one)
