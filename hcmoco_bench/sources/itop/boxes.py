"""Boxes of people in ITOP's frames, as a detector gave them: the published files, or a table of one's own."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.mat_errors import MAT_ERRORS
from hcmoco_bench.files.plain_pickle import PlainPickleError, read_plain_pickle
from hcmoco_bench.sources.itop.layout import (
    BOX_COLUMNS,
    BOX_MARGIN,
    DEPTH_SIZE,
    LABELS_FILE,
    OWN_BOXES,
    PUBLISHED_BOXES,
    TEST_BOXES_VARIABLE,
    Split,
)
from hcmoco_bench.sources.itop.split import ItopSplit

_READ_ERRORS: Final = (OSError, ValueError, TypeError, KeyError, NotImplementedError, MemoryError, EOFError)


def find_boxes(folder: Path, split: Split) -> Path:
    """The file with the boxes of a split: the published one, or a table of one's own.

    Raises:
        DataError: If the folder has none of the two (`itop_boxes_missing`), both (`itop_boxes`), or is a file.
    """
    if folder.is_file():
        _fail(folder, "it is a file; give the folder with the boxes of train and test")
    names = (PUBLISHED_BOXES[split], OWN_BOXES.format(split=split))
    found = [folder / name for name in names if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    if not found:
        raise DataError(
            f"{folder}: no boxes of {split}; put {names[0]} (from the authors) or {names[1]} (your own, with the "
            f"columns {','.join(BOX_COLUMNS)}) there, or leave boxes out",
            kind="itop_boxes_missing",
            file=str(folder),
        )
    raise DataError(
        f"{folder}: holds {names[0]} and {names[1]}, both with boxes of {split}; keep one of them",
        kind="itop_boxes",
        file=str(folder),
    )


def read_boxes(folder: Path, split: ItopSplit) -> NDArray[np.float64]:
    """The box of each frame of a split, px of the depth map.

    The published file of train holds what a detector found, so that its first box is widened by `BOX_MARGIN`, as
    published; the boxes of all other files are taken as they are. Nothing of a file is run.

    Args:
        folder: Holds the file; see `find_boxes`.
        split: The frames.

    Returns:
        (N, 4) float64 x0, y0, x1, y1, cut at the borders of the depth map; a row of nan for a frame without a box.

    Raises:
        DataError: If there is no such file (`itop_boxes_missing`), it cannot be read or is for other frames
            (`itop_boxes`).
    """
    path = find_boxes(folder, split.split)
    if path.name == OWN_BOXES.format(split=split.split):
        boxes = _of_table(path, split)
    else:
        read: Callable[[Path], NDArray[np.float64]] = _of_mat if path.suffix == ".mat" else _of_pickle
        boxes = read(path)
        if len(boxes) != split.n_valid:
            _fail(
                path,
                f"it has boxes of {len(boxes):,} frames, but {LABELS_FILE.format(split=split.split)} has "
                f"{split.n_valid:,} with valid labels; they are not of one release",
            )
        boxes = boxes[split.places]
    _require_boxes(path, boxes, split.ids)
    if path.name == PUBLISHED_BOXES["train"]:
        across, down = BOX_MARGIN
        boxes = boxes + np.array([-across, -down, across, down])
    width, height = DEPTH_SIZE
    return boxes.clip(0, [width - 1, height - 1, width - 1, height - 1])


def _of_pickle(path: Path) -> NDArray[np.float64]:
    """Frames 1, 2, ... as a dictionary, or in a list; the first box of each."""
    try:
        content = read_plain_pickle(path)
    except PlainPickleError as error:
        _fail(path, str(error), error)
    if isinstance(content, Mapping):
        frames = {_text(key): value for key, value in content.items()}
        wanted = [str(number) for number in range(1, len(frames) + 1)]
        if set(frames) != set(wanted) or len(frames) != len(content):
            _fail(path, f"its {len(content):,} frames are not called 1, 2, ... {len(content)}")
        ordered: Sequence[Any] = [frames[name] for name in wanted]
    elif isinstance(content, list | tuple):
        ordered = content
    else:
        _fail(path, f"it holds a {type(content).__name__}, not boxes by frame")
    boxes = np.full((len(ordered), 4), np.nan)
    for row, value in enumerate(ordered):
        try:
            found = np.asarray(value, np.float64)
        except _READ_ERRORS as error:
            _fail(path, f"frame {row + 1} has no numbers for boxes", error)
        if not len(found.shape) or not len(found):
            continue
        if found.ndim != 2 or found.shape[1] < 4:
            _fail(path, f"frame {row + 1} has an array of shape {found.shape}, not (boxes, 4 or more)")
        boxes[row] = found[0, :4]
    return boxes


def _of_mat(path: Path) -> NDArray[np.float64]:
    try:
        content = loadmat(path, variable_names=[TEST_BOXES_VARIABLE])
        boxes = np.asarray(content[TEST_BOXES_VARIABLE], np.float64)
    except KeyError as error:
        _fail(path, f"it has no variable {TEST_BOXES_VARIABLE}", error)
    except MAT_ERRORS as error:
        _fail(path, f"it is no whole MATLAB file ({type(error).__name__}: {error})", error)
    if boxes.ndim != 2 or boxes.shape[1] < 4:
        _fail(path, f"{TEST_BOXES_VARIABLE} has the shape {boxes.shape}, not (frames, 4)")
    return boxes[:, :4].copy()


def _of_table(path: Path, split: ItopSplit) -> NDArray[np.float64]:
    """One line for each frame; empty cells where there is no box."""
    try:
        lines = list(csv.reader(io.StringIO(path.read_text("utf-8-sig"), newline="")))
    except (*_READ_ERRORS, csv.Error) as error:
        _fail(path, f"it is no CSV file ({error})", error)
    if not lines or tuple(lines[0]) != BOX_COLUMNS:
        _fail(path, f"its first line is not {','.join(BOX_COLUMNS)}")
    boxes: dict[str, list[float]] = {}
    for number, cells in enumerate(lines[1:], start=2):
        if not cells:
            continue
        try:
            name, *values = cells
            box = [float(value) if value.strip() else np.nan for value in values]
        except ValueError as error:
            _fail(path, f"line {number} holds something other than numbers", error)
        if len(box) != 4 or np.isnan(box).any() != np.isnan(box).all():
            _fail(path, f"line {number} has neither four numbers nor four empty cells after the id")
        if name in boxes:
            _fail(path, f"line {number}: id {name} comes more than once")
        boxes[name] = box
    missing = [name for name in split.ids if name not in boxes]
    unknown = len(boxes) - (len(split.ids) - len(missing)) - sum(one.id in boxes for one in split.problems)
    if missing or unknown:
        _fail(
            path,
            f"it has {len(boxes):,} frames, but {split.split} has {len(split):,}: {len(missing):,} missing"
            + (f" ({missing[0]}, ...)" if missing else "")
            + f", {unknown:,} unknown; give every frame with valid labels a line, with empty cells where nobody was "
            "detected",
        )
    return np.array([boxes[name] for name in split.ids])


def _require_boxes(path: Path, boxes: NDArray[np.float64], ids: Sequence[str]) -> None:
    given = ~np.isnan(boxes).all(axis=1)
    x0, y0, x1, y1 = boxes.T
    width, height = DEPTH_SIZE
    good = np.isfinite(boxes).all(axis=1) & (x1 > x0) & (y1 > y0) & (x1 > 0) & (y1 > 0)
    good &= (x0 < width - 1) & (y0 < height - 1)
    bad = np.flatnonzero(given & ~good)
    if len(bad):
        shown = ", ".join(f"{value:g}" for value in boxes[bad[0]])
        _fail(
            path,
            f"the boxes of {len(bad):,} frames are none within {width}x{height} px, the first that of {ids[bad[0]]}: "
            f"{shown} (x0, y0, x1, y1)",
        )


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)


def _fail(path: Path, why: str, cause: BaseException | None = None) -> NoReturn:
    raise DataError(f"{path}: {why}", kind="itop_boxes", file=str(path)) from cause
