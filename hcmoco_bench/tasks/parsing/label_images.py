"""A folder of predicted label images, `<sample id>.png`, of class indices or raw ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, LabelError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.png import decode_labels
from hcmoco_bench.tasks.core.predictions import check_ids

Encoding = Literal["auto", "classes", "raw"]


@dataclass(frozen=True)
class LabelImages:
    """Files of a folder that are the predictions of a split, each sample once.

    Attributes:
        files: By sample id.
        encoding: Whether their pixels are class indices 0..24 or the published raw ids.
    """

    files: dict[str, Path]
    encoding: Literal["classes", "raw"]

    @classmethod
    def open(cls, folder: Path, expected: tuple[str, ...], encoding: Encoding = "auto") -> LabelImages:
        """Find the files, at any depth, and compare their names with a split.

        Args:
            folder: Holds `<sample id>.png`.
            expected: Ids of the split.
            encoding: `auto` takes raw ids if any pixel of any file is above 24: images of people nearly always have
                such.

        Raises:
            DataError: If the folder has no such file (`predictions_missing`), its ids are not those of the split
                (`predictions_ids`), or a file that is looked at is damaged.
        """
        found = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".png") if folder.is_dir() else []
        if not found:
            raise DataError(
                f"{folder}: no folder with <sample id>.png files; give one label image for each sample",
                kind="predictions_missing",
                file=str(folder),
            )
        check_ids([path.stem for path in found], expected, path=folder)
        files = {path.stem: path for path in found}
        if encoding == "auto":
            above = len(part_table()) - 1
            raw = any(int(_read_png(files[name]).max(initial=0)) > above for name in expected)
            return cls(files, "raw" if raw else "classes")
        return cls(files, encoding)

    def read(self, sample_id: str, sizes: Sequence[tuple[int, int]]) -> NDArray[np.uint8]:
        """Class indices (H, W) of a sample.

        Args:
            sample_id: One of `files`.
            sizes: Widths and heights, one of which it must have; the first is that of the labels.

        Raises:
            DataError: If it is damaged (`prediction_unreadable`) or of another size (`prediction_wrong_size`).
            LabelError: If a pixel is no class (`mask_unknown_id`, `label_unknown`); names file and ids.
        """
        path = self.files[sample_id]
        values = _read_png(path)
        if values.shape[::-1] not in sizes:
            (width, height), *others = sizes
            scored = "".join(f", or {other[0]}x{other[1]} px, at which they are scored" for other in others)
            raise DataError(
                f"{path}: {values.shape[1]}x{values.shape[0]} px, but labels have {width}x{height}; bring predictions "
                f"to the size of the labels, each px that of the nearest{scored}",
                kind="prediction_wrong_size",
                file=str(path),
            )
        if self.encoding == "raw":
            return part_table().decode(values, source=str(path))
        wrong = np.unique(values[values >= len(part_table())])
        if len(wrong):
            raise LabelError(
                f"{path}: {', '.join(map(str, wrong))} are no class indices 0..{len(part_table()) - 1}; for raw ids "
                "use --set encoding=raw",
                kind="label_unknown",
                file=str(path),
            )
        return values


def _read_png(path: Path) -> NDArray[np.uint8]:
    try:
        data = path.read_bytes()
        return decode_labels(data, expected="pixels must be labels: 8 bit palette or gray", stretched=True)
    except (ImageError, OSError) as error:
        _fail(path, str(error))


def _fail(path: Path, why: str) -> NoReturn:
    message = f"{path}: not a label image ({why}); write it again"
    raise DataError(message, kind="prediction_unreadable", file=str(path))
