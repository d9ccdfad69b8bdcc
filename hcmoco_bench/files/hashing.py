"""SHA-256 of files, bytes, JSON and lists of ids: what stores, splits and results are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

_BLOCK: Final = 1 << 24


def file_sha256(path: Path, *, progress: Callable[[int, int], None] | None = None) -> str:
    """SHA-256 of a file, hexadecimal; reads it in blocks.

    Args:
        path: The file.
        progress: Called after each block of 16 MiB with the bytes read and the file's size.
    """
    with path.open("rb") as handle:
        if progress is None:
            return hashlib.file_digest(handle, "sha256").hexdigest()
        digest, done, size = hashlib.sha256(), 0, path.stat().st_size
        while block := handle.read(_BLOCK):
            digest.update(block)
            done += len(block)
            progress(done, size)
        return digest.hexdigest()


def bytes_sha256(data: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def json_sha256(value: Any) -> str:
    """SHA-256 (hexadecimal) of a value's JSON: one line, keys sorted, letters beyond ASCII escaped."""
    return bytes_sha256(json.dumps(value, sort_keys=True).encode())


def fingerprint(ids: Iterable[object]) -> str:
    """SHA-256 (hexadecimal) of ids in their order, one a line, each line ended by a newline."""
    return bytes_sha256("".join(f"{identifier}\n" for identifier in ids).encode())
