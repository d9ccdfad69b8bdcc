"""ITOP's HDF5 files: found, unpacked once if they are still packed, and opened with errors that say what is wrong."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import atomic_file
from hcmoco_bench.files.hdf5 import hdf5_advice, open_hdf5
from hcmoco_bench.files.zip_errors import GZIP_ERRORS
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.itop.layout import PACKED
from hcmoco_bench.sources.other_forms import PACKED as PACKED_FORM
from hcmoco_bench.sources.other_forms import UNFINISHED, other_forms, seen_instead

_BLOCK = 1 << 22

OTHER_FORMS: Final = (
    UNFINISHED,
    replace(PACKED_FORM, name=re.compile(rf"((?<!\.h5)|(?!\.gz$)){PACKED_FORM.name.pattern}")),
)
"""Packed files that are not read; those of `find_file` are."""


def find_file(root: Path, name: str, *, progress: Progress = no_progress) -> Path:
    """The HDF5 file of that name in a folder; a packed one (`.h5.gz`) is unpacked beside itself, once.

    HDF5 is read in arbitrary order, which packed files do not allow.

    Raises:
        DataError: If it is missing (`itop_missing`) or its packed form is damaged (`itop_truncated`).
        StoreError: If it cannot be unpacked there.
    """
    path = root / name
    if path.is_file():
        return path
    packed = path.with_name(name + PACKED)
    if not packed.is_file():
        raise DataError(
            f"{path}: no such file, nor {packed.name}; download ITOP's side view (see the task's record), or make "
            f"such files with `hcmoco-bench synth itop`{seen_instead(other_forms([root], OTHER_FORMS))}",
            kind="itop_missing",
            file=str(path),
        )
    _unpack(packed, path, progress)
    return path


def _unpack(packed: Path, path: Path, progress: Progress) -> None:
    total, label = packed.stat().st_size, f"unpack {packed.name}"
    try:
        with packed.open("rb") as raw, gzip.GzipFile(fileobj=raw) as content, atomic_file(path) as target:
            while block := content.read(_BLOCK):
                target.write(block)
                progress(label, raw.tell(), total)
    except GZIP_ERRORS as error:
        raise DataError(
            f"{packed}: cut short or damaged ({error}); compare its size with the published one, and download it again "
            "if they differ",
            kind="itop_truncated",
            file=str(packed),
        ) from error
    progress(label, total, total)


def open_file(path: Path) -> Any:
    """An open `h5py.File` for reading.

    Raises:
        DataError: If it is no HDF5 file, or cut short (`itop_truncated`).
    """
    try:
        return open_hdf5(path)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be opened ({error}); {hdf5_advice(path, error)}", kind="itop_truncated", file=str(path)
        ) from error


def dataset(file: Any, name: str, path: Path, shape: Sequence[int | None]) -> Any:
    """An array of an open file, not read yet.

    Args:
        file: From `open_file`.
        name: Of the array.
        path: Of the file, for messages.
        shape: What its shape must be; None for any length.

    Raises:
        DataError: If it is not there (`itop_array_missing`) or has another shape (`itop_shape`).
    """
    if name not in file or not isinstance(file[name], h5py.Dataset):
        raise DataError(
            f"{path}: no array {name!r}; it holds {', '.join(file) or 'nothing'}. Is it a file of ITOP?",
            kind="itop_array_missing",
            file=str(path),
        )
    array = file[name]
    fits = len(array.shape) == len(shape) and all(
        want is None or have == want for have, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("N" if want is None else str(want) for want in shape)
        raise DataError(
            f"{path}: {name} has the shape {tuple(array.shape)}, not ({wanted})", kind="itop_shape", file=str(path)
        )
    return array


def read(array: Any, path: Path, rows: Any = ()) -> NDArray[Any]:
    """Rows of an array of `dataset`; everything without rows.

    Raises:
        DataError: If the file ends before them, or is damaged there (`itop_truncated`).
    """
    try:
        return np.asarray(array[rows])
    except (OSError, RuntimeError) as error:
        raise DataError(
            f"{path}: {array.name.removeprefix('/')} cannot be read ({error}); the file is cut short or damaged, "
            "download it again",
            kind="itop_truncated",
            file=str(path),
        ) from error


def read_ids(file: Any, path: Path) -> tuple[str, ...]:
    """The frames' names.

    Raises:
        DataError: If they are not texts (`itop_ids`), or one comes twice.
    """
    values = read(dataset(file, "id", path, [None]), path)
    if values.dtype.kind not in "SUO":
        raise DataError(
            f"{path}: ids are of type {values.dtype}, not texts such as 00_00001", kind="itop_ids", file=str(path)
        )
    ids = tuple(value.decode("ascii", "replace") if isinstance(value, bytes) else str(value) for value in values)
    if len(set(ids)) != len(ids):
        twice = next(name for number, name in enumerate(ids) if name in ids[:number])
        raise DataError(f"{path}: id {twice} comes more than once", kind="itop_ids", file=str(path))
    return ids
