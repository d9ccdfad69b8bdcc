"""A folder of predicted label images, `<sample id>.png`, of class indices, raw ids or colors of a palette."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, LabelError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.png import LabelPixels, decode_label_colors
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.stray import is_stray
from hcmoco_bench.tasks.core.predictions import check_ids
from hcmoco_bench.tasks.parsing.label_reading import Color, Encoding, FolderPixels, LabelReading

_NAMED = 5


@dataclass(frozen=True)
class LabelImages:
    """Files of a folder that are the predictions of a split, each sample once.

    Attributes:
        files: By sample id.
        reading: What their pixels mean.
        problems: Stray files that were passed over, and doubts about the reading.
    """

    files: dict[str, Path]
    reading: LabelReading
    problems: tuple[Problem, ...] = ()

    @property
    def encoding(self) -> Literal["classes", "raw"]:
        """Whether pixels are class indices 0..24 or the published raw ids."""
        return self.reading.encoding

    @classmethod
    def open(
        cls,
        folder: Path,
        expected: tuple[str, ...],
        encoding: Encoding = "auto",
        palette: Mapping[Color, int] | None = None,
    ) -> LabelImages:
        """Find the files, at any depth, compare their names with a split, and decide how their pixels are read.

        Args:
            folder: Holds `<sample id>.png`; what operating systems and notebooks leave there is passed over.
            expected: Ids of the split.
            encoding: `auto` takes raw ids if any pixel of any file is above 24: images of people nearly always have
                such.
            palette: Class index of each color, for images that are to be read by color.

        Raises:
            DataError: If the folder has no such file (`predictions_missing`), its ids are not those of the split
                (`predictions_ids`), or a file is damaged.
        """
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
        stray = [path for path in files if is_stray(path.relative_to(folder))]
        found = [path for path in files if path.suffix.lower() == ".png" and not is_stray(path.relative_to(folder))]
        if not found:
            raise DataError(
                f"{folder}: no folder with <sample id>.png files; give one label image for each sample",
                kind="predictions_missing",
                file=str(folder),
            )
        check_ids([path.stem for path in found], expected, path=folder)
        by_id = {path.stem: path for path in found}
        pixels = FolderPixels()
        for name in expected:
            pixels.add(by_id[name], _read_png(by_id[name]))
        reading = pixels.decide(encoding, palette)
        problems = []
        if stray:
            names = ", ".join(str(path.relative_to(folder)) for path in stray[:_NAMED])
            reason = (
                f"{folder}: {len(stray)} files that operating systems or notebooks left were passed over ({names}"
                f"{', ...' if len(stray) > _NAMED else ''})"
            )
            problems.append(Problem("", "stray_files", str(folder), reason, kept=True))
        if reading.doubt:
            problems.append(Problem("", "reading_doubtful", str(folder), f"{folder}: {reading.doubt}", kept=True))
        return cls(by_id, reading, tuple(problems))

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
        pixels = _read_png(path)
        try:
            values = self.reading.numbers(pixels)
        except ValueError as error:
            _fail(path, str(error))
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


def _read_png(path: Path) -> LabelPixels:
    try:
        return decode_label_colors(path.read_bytes(), expected="pixels must be labels: 8 bit gray, palette or rgb")
    except (ImageError, OSError) as error:
        _fail(path, str(error))


def _fail(path: Path, why: str) -> NoReturn:
    message = f"{path}: not a label image ({why}); write it again"
    raise DataError(message, kind="prediction_unreadable", file=str(path))
