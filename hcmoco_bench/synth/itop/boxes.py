"""Boxes of the generated people as a detector would give them, in the two files in which ITOP's are published."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from hcmoco_bench.sources.itop.layout import (
    DEPTH_SIZE,
    LABELS_FILE,
    PUBLISHED_BOXES,
    SPLITS,
    TEST_BOXES_VARIABLE,
)
from hcmoco_bench.synth.generated_folder import write_bytes
from hcmoco_bench.synth.ntu.scene import generator

_MISSED: Final = 1 / 50
"""Share of the training frames in which nobody is detected; 224 of 17,991 in the published file."""

_DEVIATION: Final = 3.0
"""Px by which each edge of a box is off."""

_MORE: Final = 0.2
"""Share of the training frames in which something else is detected too, with a lower score."""

_TEST_MARGIN: Final = 12.0
"""Px around the person in the boxes of test, which are used without a further margin."""

_MAT_HEADER: Final = b"MATLAB 5.0 MAT-file, generated people, not ITOP data"
_MAT_HEADER_SIZE: Final = 116
_PICKLE_PROTOCOL: Final = 3


def write_boxes(out: Path, seed: int, *, noise: bool) -> None:
    """Write the boxes of both splits beside their HDF5 files, from their segmentations; files that exist are kept.

    Args:
        out: Folder with the labels of both splits.
        seed: Of everything that is drawn; nothing else that is generated depends on it.
        noise: Whether boxes are off, missing or too many.
    """
    for split in SPLITS:
        path = out / PUBLISHED_BOXES[split]
        if not path.is_file():
            rng = generator(seed, "itop boxes", split) if noise else None
            people = _people(out / LABELS_FILE.format(split=split))
            write_bytes(path, _training_file(people, rng) if split == "train" else _test_file(people, rng))


def _people(labels: Path) -> Iterator[NDArray[np.float64] | None]:
    """x0, y0, x1, y1 of the person in each frame with valid labels; None where nothing of them is seen."""
    with h5py.File(labels, "r") as file:
        for row in np.flatnonzero(file["is_valid"][:]):
            person = file["segmentation"][row] >= 0
            rows, columns = np.flatnonzero(person.any(axis=1)), np.flatnonzero(person.any(axis=0))
            seen = len(rows) > 0
            yield np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], np.float64) if seen else None


def _training_file(people: Iterator[NDArray[np.float64] | None], rng: np.random.Generator | None) -> bytes:
    """A dictionary from the texts 1, 2, ... to (n, 5) float32 boxes with scores, the best first."""
    frames = {}
    for number, person in enumerate(people, start=1):
        boxes: list[NDArray[np.float64]] = []
        if person is not None and (rng is None or rng.random() >= _MISSED):
            boxes.append(np.append(_detected(person, 0.0, rng), 0.99 if rng is None else rng.uniform(0.9, 1)))
            if rng is not None and rng.random() < _MORE:
                corner, size = rng.uniform(0, [200, 150]), rng.uniform(20, 100, 2)
                boxes.append(np.array([*corner, *(corner + size), rng.uniform(0.3, 0.6)]))
        frames[str(number)] = np.array(boxes, np.float32).reshape(-1, 5)
    return pickle.dumps(frames, protocol=_PICKLE_PROTOCOL)


def _test_file(people: Iterator[NDArray[np.float64] | None], rng: np.random.Generator | None) -> bytes:
    """A MATLAB file with one box for each frame: the whole of it where nobody is seen."""
    whole = np.array([0.0, 0.0, *DEPTH_SIZE])
    boxes = [whole if person is None else _detected(person, _TEST_MARGIN, rng) for person in people]
    stream = io.BytesIO()
    # Streams are taken too, which its types do not say.
    savemat(stream, {TEST_BOXES_VARIABLE: np.array(boxes).reshape(-1, 4)})  # type: ignore[arg-type]
    # The header is a text of free content, into which SciPy writes the date.
    return _MAT_HEADER.ljust(_MAT_HEADER_SIZE) + stream.getvalue()[_MAT_HEADER_SIZE:]


def _detected(person: NDArray[np.float64], margin: float, rng: np.random.Generator | None) -> NDArray[np.float64]:
    box = person + np.array([-margin, -margin, margin, margin])
    if rng is not None:
        box += rng.normal(0, _DEVIATION, 4)
    box[2:] = np.maximum(box[2:], box[:2] + 1)
    return np.asarray(box.clip(0, [*DEPTH_SIZE, *DEPTH_SIZE]))
