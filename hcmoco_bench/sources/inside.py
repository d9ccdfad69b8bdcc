"""Files that annotations name: only those inside of the data set's folder are ever opened."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from hcmoco_bench.errors import DataError


def portable_name(name: str) -> str:
    """A file's name from annotations, which may have been written under Windows, with slashes between its parts."""
    return name.replace("\\", "/")


def path_inside(root: Path, folder: Path, name: str) -> Path:
    """The file of a name below a folder; it may be missing.

    Args:
        root: Folder of the data set.
        folder: The folder in it that the name is relative to. It may be a link to another place, its files may not.
        name: Relative path of the file as annotations name it.

    Raises:
        DataError: Kind `path_outside`, if the name is an absolute path, leads up, or the file is a link to one outside.
    """
    parts = PurePosixPath(portable_name(name)).parts
    drive = PureWindowsPath(name)
    if drive.anchor or ".." in parts or "\0" in name:
        raise _outside(name)
    path = folder.joinpath(*parts)
    try:
        real = os.path.realpath(path)
        places = {os.path.realpath(root), os.path.realpath(folder)}
    except (OSError, ValueError) as error:
        raise _outside(name) from error
    if not any(real == place or real.startswith(place.rstrip(os.sep) + os.sep) for place in places):
        raise _outside(name)
    return path


def _outside(name: str) -> DataError:
    return DataError(
        f"{name!r}: annotations name a file outside of the data set's folder, which is not opened; correct the name "
        "or copy the file there",
        kind="path_outside",
        file=name,
    )
