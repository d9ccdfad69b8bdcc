"""SHA-256 of files, bytes and lists of ids: the fingerprints that stores, splits and results are known by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; reads it in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def bytes_sha256(data: bytes) -> str:
    """SHA-256 of bytes, hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def fingerprint(ids: Iterable[object]) -> str:
    """SHA-256 (hexadecimal) of ids in their order, one a line, each line ended by a newline."""
    return bytes_sha256("".join(f"{identifier}\n" for identifier in ids).encode())
