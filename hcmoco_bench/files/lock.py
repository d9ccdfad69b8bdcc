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


@contextmanager
def moving_folder_lock(folder: Path, *, busy: str) -> Iterator[None]:
    """Hold a lock on a folder itself, without a file in it, so that the folder may be renamed or removed meanwhile.

    Args:
        folder: It must exist.
        busy: What to say if another process holds it.

    Raises:
        StoreLockedError: If another process holds it, or gave it another name a moment ago.
        StoreError: If the folder cannot be read or cannot be locked.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise write_error(folder, error) from error
    try:
        if not (_lock(descriptor, folder) and _is_current(descriptor, folder)):
            raise StoreLockedError(busy)
        yield
    finally:
        os.close(descriptor)


def lock_holder(folder: Path) -> str:
    """Who holds a folder's lock, e.g. `process 123 on host`; empty if nobody does. Writes nothing.

    Raises:
        StoreError: If the file system has no locks.
    """
    path = folder / LOCK_FILE
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        if _lock(descriptor, path, shared=True):
            return ""
        return os.read(descriptor, 200).decode(errors="replace") or "another process"
    finally:
        os.close(descriptor)


def _acquire(path: Path) -> int:
    while True:
        try:
            # A link of this name would let whoever made it have some other file truncated.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            if not _lock(descriptor, path):
                holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
                raise StoreLockedError(
                    f"{path.parent}: {holder} is writing here; wait for it, stop it, or choose another --out"
                )
            if _is_current(descriptor, path):
                with suppress(OSError):  # on a full disk the lock holds all the same, without a name
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: Path, *, shared: bool = False) -> bool:
    """Lock an open file or folder; False if another process has it, StoreError if the file system has no locks."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise _not_lockable(path, error) from error
    return True


def _is_current(descriptor: int, path: Path) -> bool:
    """Whether what is locked still has that name: its last holder may have removed or renamed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _not_lockable(path, error) from error


def _not_lockable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: cannot be locked ({error.strerror}); use a file system that supports flock")
