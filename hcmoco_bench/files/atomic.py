"""Files that are either there in full under their name or not there at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.outside_text import storable

TEMPORARY_SUFFIX = ".tmp"

_FULL = {errno.ENOSPC: "the disk is full", errno.EDQUOT: "the quota is used up", errno.EFBIG: "the file may not grow"}


@contextmanager
def atomic_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a hidden temporary file beside `path`; on success it is synced to disk and takes its name.

    On an error, or if the process dies, `path` stays as it was; what a dead process leaves is a hidden `*.tmp` file
    that `remove_temporary` finds.

    Raises:
        StoreError: If it cannot be written; says so when the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
    try:
        try:
            with temporary.open("wb") as handle:
                yield handle
                handle.flush()
                os.fsync(handle.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error) from error


def write_atomic(path: Path, content: str | bytes) -> None:
    """Write a whole file atomically; text as UTF-8, made `storable`. Raises StoreError as `atomic_file` does."""
    with atomic_file(path) as handle:
        handle.write(storable(content).encode() if isinstance(content, str) else content)


def remove_temporary(folder: Path) -> None:
    """Remove the temporary files that dead processes left in a folder; call it only while holding the store's lock."""
    for path in folder.glob(f".*{TEMPORARY_SUFFIX}"):
        path.unlink(missing_ok=True)


def write_error(path: Path, error: OSError) -> StoreError:
    """The StoreError for a file that could not be written."""
    why = _FULL.get(error.errno or 0)
    if why is None:
        return StoreError(f"{path}: cannot be written ({error.strerror or error})")
    return StoreError(
        f"{path}: cannot be written, {why} ({error.strerror}); make room on {path.parent} and run the same command "
        "again, it continues with what is finished"
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
