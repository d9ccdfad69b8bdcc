"""A folder of pictures of people as a source of views: every picture below it, whatever its format and name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.image_source import SourceImage
from hcmoco_bench.data.picture_files import find_pictures
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import Reduction
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.pictures import decode_picture
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress, no_progress


class PictureFolder:
    """The pictures below a folder, sorted by name; see `find_pictures`.

    Args:
        folder: The folder.
        progress: Told how many files have been checked.

    Attributes:
        problems: What was left out, a line each.
        fingerprint: SHA-256 of the names and sizes of all pictures.

    Raises:
        DataError: If the folder cannot be read, or holds no picture.
    """

    def __init__(self, folder: Path, *, progress: Progress = no_progress) -> None:
        found = find_pictures(folder, progress=progress)
        self.path = folder
        self.problems: tuple[Problem, ...] = found.problems
        self._names = _Names([name for name, _ in found.pictures])
        headers = [header for _, header in found.pictures]
        self.fingerprint = json_sha256([[storable(name), header.size] for name, header in found.pictures])
        self._sizes = np.array([header.size for header in headers], np.int64)
        self._shapes = np.array([(one.width, one.height, one.orientation) for one in headers], np.int32)

    def __len__(self) -> int:
        return len(self._sizes)

    def name(self, row: int) -> str:
        """The id of a picture: its path below the folder."""
        return storable(self._names[row])

    def image(self, row: int) -> SourceImage:
        """See `ImageSource.image`; raises DataError if the file is not the one that was found (`picture_changed`)."""
        name = self._names[row]
        path = self.path / name
        try:
            data = path.read_bytes()
        except OSError as error:
            raise _changed(path, f"cannot be read any more ({error.strerror or error})") from error
        if len(data) != self._sizes[row]:
            raise _changed(path, f"has {len(data):,} bytes and had {self._sizes[row]:,} when the run began")
        width, height, orientation = self._shapes[row].tolist()
        decode = partial(_decode, path, data, (height, width), orientation)
        return SourceImage(storable(name), width, height, data, decode, turned=orientation != 1)


def _decode(path: Path, data: bytes, size: tuple[int, int], orientation: int, reduced: Reduction) -> NDArray[np.uint8]:
    try:
        rgb = decode_picture(data, orientation, reduced=reduced)
        if rgb.shape[:2] != tuple(-(-side // reduced) for side in size):
            raise ImageError(f"it is {rgb.shape[1]}x{rgb.shape[0]} px, its header says otherwise")
    except ImageError as error:
        raise DataError(
            f"{path}: cannot be decoded, {error}; fetch it again or remove it",
            kind="picture_unreadable",
            file=str(path),
        ) from error
    return rgb


def _changed(path: Path, what: str) -> DataError:
    return DataError(f"{path}: {what}; put the old file back, then resume", kind="picture_changed", file=str(path))


class _Names:
    """Many names in one buffer, which workers receive at little cost."""

    def __init__(self, names: Sequence[str]) -> None:
        encoded = [os.fsencode(name) for name in names]
        self._text = b"".join(encoded)
        self._ends = np.cumsum([0, *map(len, encoded)], dtype=np.int64)

    def __getitem__(self, row: int) -> str:
        return os.fsdecode(self._text[self._ends[row] : self._ends[row + 1]])
