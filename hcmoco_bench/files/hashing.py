"""SHA-256 of files, bytes, JSON and lists of ids: what stores, splits and results are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable
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


def folder_sha256(folder: Path, *, without: Collection[str] = ()) -> str:
    """SHA-256 (hexadecimal) of the names and contents of all files in a folder and those below it.

    Args:
        folder: The folder; where it is does not matter.
        without: Names of files that do not count.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in without)
    return json_sha256({path.relative_to(folder).as_posix(): file_sha256(path) for path in files})


def bytes_sha256(data: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def json_sha256(value: Any) -> str:
    """SHA-256 (hexadecimal) of a value's JSON: one line, keys sorted, letters beyond ASCII escaped."""
    return bytes_sha256(json.dumps(value, sort_keys=True).encode())


def fingerprint(ids: Iterable[object]) -> str:
    """SHA-256 (hexadecimal) of ids in their order, one a line, each line ended by a newline."""
    return bytes_sha256("".join(f"{identifier}\n" for identifier in ids).encode())
