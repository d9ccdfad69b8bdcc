"""Zip archives read in place: few kept open, safe under threads, forks and pickling of what refers to them."""

from __future__ import annotations

import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.zip_errors import ZIP_ERRORS

KEPT_OPEN = 6
"""Archives kept open a process. A clip's video, depth, skeleton and masks are often in four archives."""

KEPT_MEMBERS = 400_000
"""Members that the archives kept open list together, about 0.6 kB each; the one in use is kept in any case."""

_METHODS: Final = {
    getattr(zipfile, name)
    for name in ("ZIP_STORED", "ZIP_DEFLATED", "ZIP_BZIP2", "ZIP_LZMA", "ZIP_ZSTANDARD")
    if hasattr(zipfile, name)
}
"""Ways of compression that this Python's `zipfile` can undo."""

_ENCRYPTED: Final = 0x1
_EXOTIC: Final = 0x60
"""Flags of a member: with a password; compressed patches, or strong encryption."""

_lock = threading.RLock()
_open: OrderedDict[Path, tuple[tuple[int, int, int], zipfile.ZipFile]] = OrderedDict()


def _forget() -> None:
    # A forked child shares its parent's file offsets, so it opens its own and must not close the parent's objects
    # through a lock that another thread of the parent may have held.
    global _lock
    _lock = threading.RLock()
    _open.clear()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def unreadable_as_data_error(path: Path, member: str | None = None) -> Iterator[None]:
    """Turn what `zipfile` raises into a DataError of kind `zip_unreadable` (`file_missing` if it is gone)."""
    name = str(path) if member is None else f"{path}!{member}"
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: the archive is gone; check --root", kind="file_missing", file=name) from error
    except ZIP_ERRORS as error:
        raise DataError(
            f"{name}: cannot be read from its archive ({error}); {_advice(path, error)}",
            kind="zip_unreadable",
            file=name,
        ) from error


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """Lend this process's open archive; do no more than open a member inside the `with`.

    A member that was opened stays readable after its archive has been dropped from the few kept open.

    Raises:
        DataError: Kind `zip_unreadable` or `file_missing`.
    """
    with unreadable_as_data_error(path), _lock:
        stat = path.stat()
        stamp = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        kept = _open.pop(path, None)
        if kept is not None and kept[0] != stamp:
            kept[1].close()
            kept = None
        if kept is None:
            kept = (stamp, _with_slashes(zipfile.ZipFile(path)))
        _open[path] = kept
        while len(_open) > 1 and (len(_open) > KEPT_OPEN or _listed_members() > KEPT_MEMBERS):
            _open.popitem(last=False)[1][1].close()
        yield kept[1]


def _listed_members() -> int:
    return sum(len(archive.filelist) for _, archive in _open.values())


def members(path: Path) -> Iterator[tuple[str, str | None]]:
    """Yield an archive's files in archive order: the name, with slashes, and why it cannot be unpacked, if so.

    The index is dropped afterwards, not kept.

    Raises:
        DataError: Kind `zip_unreadable` or `file_missing`.
    """
    with unreadable_as_data_error(path), zipfile.ZipFile(path) as archive:
        found = _with_slashes(archive).NameToInfo.items()
        names = [(name, _why_locked(member)) for name, member in found if "\\" not in name and not name.endswith("/")]
    yield from names


def _why_locked(member: zipfile.ZipInfo) -> str | None:
    if member.flag_bits & _ENCRYPTED:
        return "need a password"
    if member.compress_type not in _METHODS or member.flag_bits & _EXOTIC:
        return f"are compressed in a way that Python lacks (method {member.compress_type})"
    return None


def _with_slashes(archive: zipfile.ZipFile) -> zipfile.ZipFile:
    """The archive, its members also known by names with slashes: some programs of Windows write backslashes."""
    for name, member in list(archive.NameToInfo.items()):
        if "\\" in name:
            archive.NameToInfo.setdefault(name.replace("\\", "/"), member)
    return archive


def _advice(path: Path, error: Exception) -> str:
    """What helps against an error of `zipfile`; fetching the same file again seldom does."""
    if path.with_suffix(".z01").exists():
        return (
            "it is the last part of a split archive: unpack it with 7z, or `zip -s 0 NAME.zip --out WHOLE.zip` joins it"
        )
    if isinstance(error, NotImplementedError):
        return "Python lacks this way of compression: unpack the archive with 7z and give the folder"
    if isinstance(error, RuntimeError):
        return "it needs a password: unpack it and give the folder"
    if isinstance(error, OSError):
        return "check its permissions and the disk"
    return "it is cut short or damaged: compare its size with the publisher's, and download it again if they differ"
