"""Ways in which files come to harm, each from a seed; and what became of a reading."""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.random import Generator

Harm = Callable[[bytes, Generator], bytes]
"""Returns other bytes than it was given."""

WEB_PAGE: Final = b"<!DOCTYPE html>\n<html><title>403 Forbidden</title><body>Please log in.</body></html>\n"
"""What a download is when its link has expired."""


def _block(data: bytes, rng: Generator, longest: int) -> slice:
    length = int(rng.integers(1, max(min(longest, len(data)), 1) + 1))
    start = int(rng.integers(0, max(len(data) - length, 0) + 1))
    return slice(start, start + length)


def _replaced(data: bytes, where: slice, by: bytes) -> bytes:
    return data[: where.start] + by + data[where.stop :]


def empty(data: bytes, rng: Generator) -> bytes:
    """A file that was created and never written."""
    return b""


def cut(data: bytes, rng: Generator) -> bytes:
    """A copy that broke off."""
    return data[: int(rng.integers(1, len(data)))]


def zeroed(data: bytes, rng: Generator) -> bytes:
    """A part that was never written, as after a crash or a download in several streams."""
    where = _block(data, rng, max(len(data) // 3, 16))
    return _replaced(data, where, bytes(where.stop - where.start))


def noise(data: bytes, rng: Generator) -> bytes:
    """Bytes of another file: a bad sector."""
    where = _block(data, rng, 512)
    return _replaced(data, where, rng.bytes(where.stop - where.start))


def bit(data: bytes, rng: Generator) -> bytes:
    """One bit turned over: bad memory."""
    place = int(rng.integers(0, len(data)))
    return _replaced(data, slice(place, place + 1), bytes([data[place] ^ (1 << int(rng.integers(0, 8)))]))


def dropped(data: bytes, rng: Generator) -> bytes:
    """Bytes that are missing in the middle."""
    return _replaced(data, _block(data, rng, 64), b"")


def inserted(data: bytes, rng: Generator) -> bytes:
    """Bytes too many."""
    place = int(rng.integers(0, len(data) + 1))
    return _replaced(data, slice(place, place), rng.bytes(int(rng.integers(1, 65))))


def doubled(data: bytes, rng: Generator) -> bytes:
    """A file that was appended to itself."""
    return data + data


def padded(data: bytes, rng: Generator) -> bytes:
    """Zeros behind the end, as some disks and archivers leave them."""
    return data + bytes(int(rng.integers(1, 4097)))


def line_ends(data: bytes, rng: Generator) -> bytes:
    """Line ends translated, as a transfer in text mode does to all files."""
    return data.replace(b"\n", b"\r\n")


def web_page(data: bytes, rng: Generator) -> bytes:
    """An error page under the file's name."""
    return WEB_PAGE


def byte_order_mark(data: bytes, rng: Generator) -> bytes:
    """What editors on Windows put before text."""
    return b"\xef\xbb\xbf" + data


_ALL: Final = (empty, cut, zeroed, noise, bit, dropped, inserted, doubled, padded, line_ends, web_page, byte_order_mark)

HARMS: Final[Mapping[str, Harm]] = {harm.__name__: harm for harm in _ALL}

LOST: Final = frozenset({"empty", "cut", "web_page"})
"""After these, content is missing: whatever the format, the reader must notice."""


def harmed(data: bytes, kind: str, seed: Sequence[int]) -> bytes | None:
    """A file's bytes after harm of a kind; None if it leaves this file as it is."""
    rng = np.random.default_rng(seed)
    for _ in range(20):
        other = HARMS[kind](data, rng)
        if other != data:
            return other
    return None


def fingerprint(value: Any) -> str:
    """A hash of anything that a reader returns: arrays by their bytes, records by their fields."""
    return hashlib.sha256(pickle.dumps(_plain(value), protocol=4)).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return "array", value.dtype.str, value.shape, repr(value.tolist()) if value.dtype == object else value.tobytes()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return type(value).__name__, [_plain(getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, Mapping):
        return [(_plain(key), _plain(one)) for key, one in value.items()]
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "numpy"):  # a tensor
        return _plain(value.detach().numpy())
    return repr(value)
