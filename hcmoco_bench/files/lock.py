"""One writer per folder: a lock that goes away with the process that holds it."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hcmoco_bench.errors import StoreError, StoreLockedError
from hcmoco_bench.files.atomic import write_error

LOCK_FILE = ".lock"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the folder's lock file for the length of the block; the operating system frees it when the process dies.

    Works between processes of one machine, and between machines where the file system passes `flock` on (NFS 4,
    Lustre with `-o flock`, ...).

    Raises:
        StoreLockedError: If another process holds it; names its number and host.
        StoreError: If the folder cannot be written or cannot be locked.
    """
    path = folder / LOCK_FILE
    descriptor = _acquire(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_current(descriptor, path):
                with suppress(OSError):  # on a full disk the lock holds all the same, without a name
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
            os.close(descriptor)
            raise StoreLockedError(
                f"{path.parent}: {holder} is writing here; wait for it, stop it, or choose another --out"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise StoreError(
                f"{path}: cannot be locked ({error.strerror}); use a file system that supports flock"
            ) from error
        os.close(descriptor)


def _is_current(descriptor: int, path: Path) -> bool:
    """Whether the locked file is still the one of that name, not one that its last holder removed."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
