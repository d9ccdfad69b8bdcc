"""Files that annotations name: only those below the data set's folder of images are ever opened."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.outside_text import storable

_LONGEST_NAME: Final = 255
"""Bytes of a file name, on all file systems in use."""


def portable_name(name: str) -> str:
    """A file's name from annotations, which may have been written under Windows, with slashes between its parts."""
    return name.replace("\\", "/")


def path_inside(folder: Path, name: str) -> Path:
    """The file of a name below a folder; it may be missing.

    Links in the folder are followed: whoever keeps the data set made them, as caches and version control of data do.

    Args:
        folder: The folder that the name is relative to.
        name: Relative path of the file as annotations name it.

    Raises:
        DataError: Kind `path_outside`, if the name is an absolute path or leads up, or no file can have it.
    """
    parts = PurePosixPath(portable_name(name)).parts
    if PureWindowsPath(name).anchor or ".." in parts or not parts or not all(map(_can_be, parts)):
        raise DataError(
            f"{storable(name)!r}: annotations name a file outside of the folder of images, or none that can exist; "
            "nothing was opened, correct the name",
            kind="path_outside",
            file=storable(name),
        )
    return folder.joinpath(*parts)


def _can_be(part: str) -> bool:
    """Whether a file or folder can have a name."""
    try:
        return "\0" not in part and len(os.fsencode(part)) <= _LONGEST_NAME
    except UnicodeEncodeError:
        return False
