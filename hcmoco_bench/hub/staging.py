"""A folder that appears under its name only when it is complete, and never in place of somebody else's files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hcmoco_bench.errors import HcmocoBenchError, StoreError, UsageError
from hcmoco_bench.files.lock import moving_folder_lock
from hcmoco_bench.files.outside_text import is_storable
from hcmoco_bench.hub.publication import PUBLICATION_FILE, Publication

_KEPT_BY_HUB = (".cache",)  # bookkeeping of huggingface_hub, safe to lose


@contextmanager
def staged_folder(to: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder beside `to` that takes its name when the block ends without an error.

    Whatever happens, `to` is either as it was or complete. An earlier publication in `to` is replaced when `overwrite`
    is set; any other content never is. What a killed process leaves is a hidden folder that the next call clears.

    Raises:
        UsageError: If `to` holds something that `publish` did not write, or a publication and `overwrite` is not set.
        StoreLockedError: If another process is publishing to `to`.
        StoreError: If it cannot be written, a full disk included.
    """
    to = to.resolve()
    staging, previous = to.with_name(f".{to.name}.partial"), to.with_name(f".{to.name}.previous")
    try:
        staging.mkdir(parents=True, exist_ok=True)
        busy = f"{to}: another process is publishing there; wait for it or choose another folder"
        with moving_folder_lock(staging, busy=busy):
            try:
                if previous.exists() and not to.exists():
                    previous.rename(to)
                check_replaceable(to, overwrite=overwrite)
                _clear(staging)
                yield staging
                _sync(staging)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            if previous.exists():
                shutil.rmtree(previous)
            if to.exists():
                to.rename(previous)
            staging.rename(to)
            shutil.rmtree(previous, ignore_errors=True)
    except HcmocoBenchError:
        raise
    except OSError as error:
        raise StoreError(
            f"{error.filename or to}: cannot be written ({error.strerror or error}); {to.name} is as it was before; "
            "make room or choose another folder, and publish again"
        ) from error


def check_loadable(to: Path) -> None:
    """Refuse a folder that `datasets.load_dataset` could not read afterwards; raises UsageError.

    It looks for the files with a glob of the whole path, takes `::` and `://` for addresses, and needs UTF-8 names.
    """
    path = str(to.absolute())
    found = [repr(mark) for mark in ("[", "*", "?", "::", "://") if mark in path]
    if not is_storable(path):
        found.append("a name that is not UTF-8")
    if found:
        raise UsageError(
            f"{to}: datasets.load_dataset cannot read a folder whose path holds {', '.join(found)}; give another --to"
        )


def check_replaceable(to: Path, *, overwrite: bool) -> None:
    """Raise UsageError if `staged_folder` may not take the place of what is in `to`."""
    if not to.exists():
        return
    if not to.is_dir():
        raise UsageError(f"{to}: is not a folder; choose another one with --to")
    held = [path.name for path in to.iterdir() if path.name not in _KEPT_BY_HUB]
    if not held:
        return
    if PUBLICATION_FILE not in held:
        raise UsageError(f"{to}: holds files that publish did not write ({min(held)}, ...); choose another folder")
    written = {PUBLICATION_FILE, *Publication.load(to).files}
    found = {str(path.relative_to(to).as_posix()) for path in to.rglob("*") if not path.is_dir()}
    foreign = sorted(path for path in found - written if path.split("/")[0] not in _KEPT_BY_HUB)
    if foreign:
        raise UsageError(
            f"{to}: holds files that publish did not write ({foreign[0]}, ...); move them or choose another folder"
        )
    if not overwrite:
        raise UsageError(f"{to}: holds a published dataset already; give --overwrite to replace it, or another folder")


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as handle:
                os.fsync(handle.fileno())
