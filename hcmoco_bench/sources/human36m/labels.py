"""Part labels of a recording: a MATLAB 7.3 file, which is HDF5, read one frame at a time."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hdf5 import hdf5_advice, open_hdf5
from hcmoco_bench.sources.human36m.layout import LABEL_VARIABLE

_LARGEST = 255


class PartLabels:
    """The labels of one recording; use as a context manager.

    The file's cell array `Feat` holds a uint8 image of raw label ids for every frame. HDF5 knows the cells as
    references, and MATLAB's columns as rows: images are turned here.

    Args:
        path: The `.mat` file.

    Attributes:
        path: The file.

    Raises:
        DataError: Kind `labels_unreadable`: missing, cut off, of an older MATLAB format, or without `Feat`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file = open_hdf5(path)
        except OSError as error:
            raise self._unreadable(str(error), hdf5_advice(path, error)) from error
        try:
            cells = self._file[LABEL_VARIABLE]
            if not isinstance(cells, h5py.Dataset) or h5py.check_ref_dtype(cells.dtype) is not h5py.Reference:
                raise self._unreadable(f"{LABEL_VARIABLE} is no cell array")
            self._cells: NDArray[Any] = np.asarray(cells[()]).reshape(-1)
        except (KeyError, OSError, RuntimeError) as error:
            self._file.close()
            raise self._unreadable(str(error)) from error
        except DataError:
            self._file.close()
            raise

    def __len__(self) -> int:
        return len(self._cells)

    def read(self, frame: int) -> NDArray[np.uint8]:
        """Labels of a frame, counted from 0.

        Returns:
            (H, W) uint8 class indices 0..24.

        Raises:
            LabelError: Kind `mask_unknown_id`: an id that is not in the part table; names it.
            DataError: Kind `labels_unreadable`: there is no such frame, or its image is empty, damaged, or no image of
                label ids.
        """
        if not 0 <= frame < len(self):
            raise self._unreadable(f"frame {frame} is asked for, there are {len(self)}")
        try:
            raw = np.asarray(self._file[self._cells[frame]][()]).T
        except (KeyError, OSError, RuntimeError, ValueError, TypeError) as error:
            raise self._unreadable(f"frame {frame}: {error}") from error
        if raw.ndim != 2 or 0 in raw.shape or raw.dtype.kind not in "uif":
            raise self._unreadable(f"frame {frame} is {raw.dtype} of shape {raw.shape}, not an image of label ids")
        with np.errstate(invalid="ignore"):
            ids = raw.astype(np.uint8)
        if not np.array_equal(ids, raw):
            raise self._unreadable(f"frame {frame} has values that are no label ids 0..{_LARGEST}")
        return part_table().decode(ids, source=f"{self.path}, frame {frame}")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unreadable(
        self, why: str, advice: str = "compare it with the published one, and extract or download it again"
    ) -> DataError:
        return DataError(
            f"{self.path}: no readable part labels ({why}); {advice}",
            kind="labels_unreadable",
            file=str(self.path),
        )
