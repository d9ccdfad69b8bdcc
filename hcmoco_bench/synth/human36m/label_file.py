"""Writes part labels as Human3.6M has them: a MATLAB 7.3 file with a cell array of label images."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.sources.human36m.layout import LABEL_VARIABLE

_USER_BLOCK: Final = 512
_TEXT: Final = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jan  1 00:00:00 2026 HDF5 schema 1.00 ."
_VERSION: Final = b"\x00\x02IM"
_LEVEL: Final = 3


def write_labels(path: Path, frames: Iterable[NDArray[np.uint8]]) -> None:
    """Write the labels of a recording; the same labels give the same bytes.

    Args:
        path: The `.mat` file.
        frames: (H, W) uint8 class indices 0..24 of each frame; written as raw ids.
    """
    with h5py.File(path, "w", userblock_size=_USER_BLOCK, libver=("earliest", "v108")) as file:
        cells = file.create_group("#refs#")
        references = []
        for number, classes in enumerate(frames):
            # MATLAB stores columns first: its rows are HDF5's last axis.
            raw = np.ascontiguousarray(part_table().encode(classes).T)
            cell = cells.create_dataset(
                f"f{number:06d}", data=raw, chunks=raw.shape, compression="gzip", compression_opts=_LEVEL
            )
            cell.attrs["MATLAB_class"] = np.bytes_("uint8")
            cell.attrs["H5PATH"] = np.bytes_(f"/{LABEL_VARIABLE}")
            references.append(cell.ref)
        array = file.create_dataset(LABEL_VARIABLE, (len(references), 1), dtype=h5py.ref_dtype)
        for number, reference in enumerate(references):
            array[number, 0] = reference
        array.attrs["MATLAB_class"] = np.bytes_("cell")
    with path.open("r+b") as plain:
        plain.write(_TEXT.ljust(124, b" ") + _VERSION)
