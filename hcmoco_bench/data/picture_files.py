"""Find the pictures below a folder by their headers; everything that cannot be used becomes a problem line."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.pictures import PictureHeader, read_picture_header
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.stray import is_stray
from hcmoco_bench.runtime.progress import Progress, no_progress

_LABEL: Final = "checking pictures, files"

_SUFFIXES: Final = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "bmp", "dib", "tif", "tiff", "gif", "jp2", "j2k", "jpx"}
    | {"ppm", "pgm", "pbm", "pnm", "heic", "heif", "avif", "jxl", "svg", "psd", "ico", "tga", "exr", "hdr"}
    | {"raw", "dng", "cr2", "cr3", "nef", "arw"}
)
"""Suffixes of files that are meant to be pictures, whether or not these can be read."""

_NAMED: Final = 3
"""Number of names in a line about several files."""


@dataclass(frozen=True)
class FoundPictures:
    """The pictures below a folder.

    Attributes:
        pictures: Names below the folder, sorted, and headers.
        problems: What was left out.
    """

    pictures: tuple[tuple[str, PictureHeader], ...]
    problems: tuple[Problem, ...]


def find_pictures(folder: Path, *, progress: Progress = no_progress) -> FoundPictures:
    """Find all pictures below a folder, to any depth, by their content and not by their suffix.

    Links are followed, and each folder is read once, so that loops end. Hidden files and what operating systems leave
    behind are skipped. Of files with the same content the first is used.

    Args:
        folder: The folder.
        progress: Told how many files have been checked.

    Raises:
        DataError: If the folder cannot be read, or holds no picture.
    """
    problems: list[Problem] = []
    names = sorted(_files(folder, problems), key=os.fsencode)
    pictures: list[tuple[str, PictureHeader]] = []
    others: list[str] = []
    for done, name in enumerate(names):
        progress(_LABEL, done, len(names))
        try:
            pictures.append((name, read_picture_header(folder / name)))
        except ImageError as error:
            if error.kind == "wrong_type" and not _means_picture(name):
                others.append(name)
            else:
                problems.append(_problem(folder, name, error))
        except OSError as error:
            reason = f"{folder / name}: cannot be read ({error.strerror or error}); check its permissions"
            problems.append(Problem(name, "picture_unreadable", name, reason))
    progress(_LABEL, len(names), len(names))
    pictures = list(_without_copies(folder, pictures, problems))
    if others:
        problems.append(_others(folder, others))
    if not pictures:
        raise DataError(_nothing(folder, problems), kind="no_pictures", file=str(folder))
    return FoundPictures(tuple(pictures), tuple(problems))


def _files(folder: Path, problems: list[Problem]) -> Iterator[str]:
    """Names below the folder of all regular files that are not stray."""
    seen: set[tuple[int, int]] = set()
    stack = [""]
    while stack:
        inner = stack.pop()
        place = folder / inner
        try:
            state = place.stat()
            entries = sorted(os.listdir(place), key=os.fsencode)  # noqa: PTH208 - a Path each would be slow
        except OSError as error:
            reason = f"{place}: this folder cannot be listed ({error.strerror or error})"
            if not inner:
                raise DataError(f"{reason}; check --pictures", kind="no_pictures", file=str(folder)) from error
            problems.append(Problem(inner, "folder_unreadable", inner, f"{reason}; check its permissions"))
            continue
        if (state.st_dev, state.st_ino) in seen:
            continue
        seen.add((state.st_dev, state.st_ino))
        for entry in entries:
            name = os.path.join(inner, entry)  # noqa: PTH118
            if is_stray(Path(entry)):
                continue
            try:
                mode = os.stat(folder / name).st_mode  # noqa: PTH116
            except OSError as error:
                reason = f"{folder / name}: cannot be read ({error.strerror or error}); a link may lead nowhere"
                problems.append(Problem(name, "picture_unreadable", name, reason))
                continue
            if stat.S_ISDIR(mode):
                stack.append(name)
            elif stat.S_ISREG(mode):
                yield name


def _means_picture(name: str) -> bool:
    return Path(name).suffix[1:].lower() in _SUFFIXES


def _problem(folder: Path, name: str, error: ImageError) -> Problem:
    kind, step = {
        "wrong_type": ("picture_other_format", "convert it to JPEG or PNG"),
        "wrong_size": ("picture_too_large", "make it smaller"),
    }.get(error.kind, ("picture_unreadable", "fetch it again or remove it"))
    return Problem(name, kind, name, f"{folder / name}: {error}; {step}")


def _without_copies(
    folder: Path, pictures: list[tuple[str, PictureHeader]], problems: list[Problem]
) -> Iterator[tuple[str, PictureHeader]]:
    """The pictures without those whose content is that of an earlier one; only likely copies are read in full."""
    first: dict[tuple[int, bytes], str] = {}
    contents: dict[tuple[int, bytes], dict[bytes, str]] = {}
    for name, header in pictures:
        key = (header.size, hashlib.sha256(header.head).digest())
        if key not in first:
            first[key] = name
            yield name, header
            continue
        known = contents.setdefault(key, {})
        try:
            if not known:
                known[_digest(folder / first[key])] = first[key]
            original = known.setdefault(_digest(folder / name), name)
        except OSError:  # whoever decodes the picture will say what has become of it
            original = name
        if original == name:
            yield name, header
        else:
            reason = f"{folder / name}: has the same content as {original}, which is used"
            problems.append(Problem(name, "picture_repeated", name, reason))


def _digest(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _others(folder: Path, names: list[str]) -> Problem:
    listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    reason = f"{folder}: {len(names):,} files are not pictures ({listed}); archives and videos must be extracted first"
    return Problem("", "other_files", "", reason)


def _nothing(folder: Path, problems: list[Problem]) -> str:
    kinds = [problem.kind for problem in problems]
    counts = ", ".join(f"{kinds.count(kind):,} {kind}" for kind in dict.fromkeys(kinds))
    said = f"{counts}; {problems[0].reason}" if problems else "it is empty"
    return f"{folder}: not one picture can be used ({said}); check --pictures"
