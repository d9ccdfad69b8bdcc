"""A split of ITOP: the frames with valid labels, their joints in memory, their depth maps read one by one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.itop.files import dataset, find_file, open_file, read, read_ids
from hcmoco_bench.sources.itop.layout import DEPTH_FILE, DEPTH_SIZE, LABELS_FILE, N_JOINTS, Split
from hcmoco_bench.sources.ntu.layout import GENERATED_MARK

_WIDTH, _HEIGHT = DEPTH_SIZE


def person_of(name: str) -> str:
    """The person that a frame of this id shows: `00` of `00_00001`."""
    return name.partition("_")[0]


@dataclass(frozen=True, eq=False)
class ItopSplit:
    """Frames whose labels people have approved.

    Depth maps stay in the file; a process that gets a copy of this (a loading worker) opens the file itself.

    Attributes:
        split: `train` or `test`.
        depth_file: Where the depth maps are.
        rows: (N,) row of each frame in the files.
        places: (N,) place of each frame among those with approved labels, from 0; box files count in this way.
        ids: N names, e.g. `00_00001`: person and frame.
        joints: (N, 15, 3) float32 meters, x to the right of the image, y up, z forward.
        pixels: (N, 15, 2) float32 px (x, y), as labeled.
        visible: (N, 15) bool; a joint that is not visible is still labeled.
        n_frames: Frames in the files.
        n_invalid: Frames among them whose labels are not approved; they are left out.
        problems: Frames with approved labels that cannot be used: a joint that is not finite or not in front of the
            camera (`joints_unusable`).
        generated: Whether the folder says that its people are generated.
    """

    split: Split
    depth_file: Path
    rows: NDArray[np.int64]
    places: NDArray[np.int64]
    ids: tuple[str, ...]
    joints: NDArray[np.float32]
    pixels: NDArray[np.float32]
    visible: NDArray[np.bool_]
    n_frames: int
    n_invalid: int
    problems: tuple[Problem, ...]
    generated: bool
    _open: dict[int, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.ids)

    def depth(self, row: int) -> NDArray[np.float32]:
        """(240, 320) float32 meters of frame `row` (0 to N - 1), 0 = no measurement; what is not finite becomes 0.

        Raises:
            DataError: If the file is cut short or damaged there (`itop_truncated`).
        """
        frame = read(self._array(), self.depth_file, int(self.rows[row])).astype(np.float32)
        return np.where(np.isfinite(frame) & (frame > 0), frame, np.float32(0))

    @property
    def n_valid(self) -> int:
        """Number of frames with approved labels, those that cannot be used included."""
        return self.n_frames - self.n_invalid

    @property
    def people(self) -> tuple[str, ...]:
        """The person of each frame."""
        return tuple(map(person_of, self.ids))

    def _array(self) -> Any:
        process = os.getpid()
        if process not in self._open:
            self._open.clear()  # a handle of the process that this one was forked from is not used
            self._open[process] = dataset(open_file(self.depth_file), "data", self.depth_file, [None, _HEIGHT, _WIDTH])
        return self._open[process]

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_open": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def open_itop(root: Path, split: Split, *, progress: Progress = no_progress) -> ItopSplit:
    """Open a split from the folder with its `..._depth_map.h5` and `..._labels.h5` (or `.h5.gz`).

    Raises:
        DataError: If a file is missing (`itop_missing`), cut short (`itop_truncated`), without an array
            (`itop_array_missing`) or with one of another shape (`itop_shape`); if the two files name other frames
            (`itop_ids_differ`); if no frame is usable (`itop_no_valid_frames`).
        StoreError: If packed files cannot be unpacked.
    """
    labels_file = find_file(root, LABELS_FILE.format(split=split), progress=progress)
    depth_file = find_file(root, DEPTH_FILE.format(split=split), progress=progress)
    with open_file(depth_file) as file:
        depth_ids = read_ids(file, depth_file)
        dataset(file, "data", depth_file, [len(depth_ids), _HEIGHT, _WIDTH])
    with open_file(labels_file) as file:
        ids = read_ids(file, labels_file)
        _require_same(ids, depth_ids, labels_file, depth_file)
        shapes: dict[str, list[int | None]] = {
            "is_valid": [len(ids)],
            "visible_joints": [len(ids), N_JOINTS],
            "image_coordinates": [len(ids), N_JOINTS, 2],
            "real_world_coordinates": [len(ids), N_JOINTS, 3],
        }
        valid, visible, pixels, joints = (
            read(dataset(file, name, labels_file, shape), labels_file) for name, shape in shapes.items()
        )
    usable = np.isfinite(joints).all(axis=(1, 2)) & (joints[..., 2] > 0).all(axis=1)
    approved = valid != 0
    rows = np.flatnonzero(approved & usable)
    if not len(rows):
        raise DataError(
            f"{labels_file}: none of its {len(ids)} frames has usable labels ({int(approved.sum())} are marked valid)",
            kind="itop_no_valid_frames",
            file=str(labels_file),
        )
    return ItopSplit(
        split=split,
        depth_file=depth_file,
        rows=rows,
        places=np.searchsorted(np.flatnonzero(approved), rows).astype(np.int64),
        ids=tuple(ids[row] for row in rows),
        joints=joints[rows].astype(np.float32),
        pixels=pixels[rows].astype(np.float32),
        visible=visible[rows] != 0,
        n_frames=len(ids),
        n_invalid=int((~approved).sum()),
        problems=tuple(
            Problem(
                ids[row], "joints_unusable", str(labels_file), "a joint is not finite, or not in front of the camera"
            )
            for row in np.flatnonzero(approved & ~usable)
        ),
        generated=(root / GENERATED_MARK).is_file(),
    )


def _require_same(ids: Sequence[str], depth_ids: Sequence[str], labels_file: Path, depth_file: Path) -> None:
    if ids == depth_ids:
        return
    if len(ids) != len(depth_ids):
        detail = f"{len(ids)} frames against {len(depth_ids)}"
    else:
        differ = [number for number, (a, b) in enumerate(zip(ids, depth_ids, strict=True)) if a != b]
        detail = f"{len(differ)} of {len(ids)} differ, the first in row {differ[0]}: {ids[differ[0]]}, "
        detail += depth_ids[differ[0]]
    raise DataError(
        f"{labels_file} and {depth_file.name} do not name the same frames ({detail}); they are not of one release",
        kind="itop_ids_differ",
        file=str(labels_file),
    )
