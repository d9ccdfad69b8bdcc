"""One shard of Human3.6M: chosen frames of some recordings with their part labels."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.atomic import atomic_file
from hcmoco_bench.files.images import encode_png, encode_rgb
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.human36m_store import SCHEMA
from hcmoco_bench.prepare.paths import PortablePaths
from hcmoco_bench.sources.human36m import FrameId, PartLabels, Recording, decode_frames

ROW_GROUP: Final = 16
"""Rows a row group, about 3 MB: what a reader loads at once, and what a writer holds."""

_FOOTER_KEY: Final = b"hcmoco_bench"

_BORDER: Final = 4
"""Labels may be so many px larger or smaller than the image: cameras differ by 2, which labels need not follow."""


@dataclass(frozen=True)
class RecordingFrames:
    """A recording and how many frames of it count: those that the video and the labels both have."""

    recording: Recording
    n_frames: int

    def frames(self, every: int) -> range:
        """The frames that are used: 0, every, 2 every, ..."""
        return range(0, self.n_frames, every)


@dataclass(frozen=True)
class Human36mShardTask:
    """All that a worker needs for one shard; picklable.

    Attributes:
        path: File to write.
        recipe: Fingerprint of the plan.
        recordings: In row order.
        every: One frame of so many.
        jpeg_quality: Of the stored RGB.
        paths: Makes file names in problems portable.
    """

    path: Path
    recipe: str
    recordings: tuple[RecordingFrames, ...]
    every: int
    jpeg_quality: int
    paths: PortablePaths

    @property
    def file(self) -> str:
        """File name of the shard."""
        return self.path.name

    @property
    def planned(self) -> int:
        """Number of frames planned for it."""
        return sum(len(one.frames(self.every)) for one in self.recordings)


@dataclass(frozen=True)
class Human36mNote:
    """What a shard's footer says about it: plan, problems, rows."""

    recipe: str
    problems: tuple[Problem, ...]
    rows: int


def write_human36m_shard(task: Human36mShardTask) -> int:
    """Write a shard in one step; returns the number of frames dealt with. Bad input becomes problems in its footer.

    Raises:
        StoreError: If the file cannot be written, or raw files vanished since the shard was planned.
    """
    for one in task.recordings:
        for path in (one.recording.video, one.recording.labels):
            if not path.is_file():
                raise StoreError(f"{path}: was there when the run began; make it readable and run again")
    problems: list[Problem] = []
    options = {"compression": "none", "use_dictionary": False, "write_statistics": ["sample_id"]}
    with atomic_file(task.path) as handle, pq.ParquetWriter(handle, SCHEMA, **options) as writer:
        group: list[dict[str, Any]] = []
        for one in task.recordings:
            for row in _rows(task, one, problems):
                group.append(row)
                if len(group) == ROW_GROUP:
                    writer.write_table(pa.Table.from_pylist(group, SCHEMA))
                    group.clear()
        if group:
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
        note = {"recipe": task.recipe, "problems": [asdict(task.paths.problem(problem)) for problem in problems]}
        writer.add_key_value_metadata({_FOOTER_KEY: json.dumps(note, sort_keys=True, ensure_ascii=False).encode()})
    return task.planned


def read_human36m_note(path: Path) -> Human36mNote | None:
    """Read the note in a shard's footer; None if the file is missing, damaged, or not such a shard."""
    try:
        footer = pq.read_metadata(path)
        note = json.loads((footer.metadata or {})[_FOOTER_KEY])
        problems = tuple(Problem(**line) for line in note["problems"])
        return Human36mNote(str(note["recipe"]), problems, footer.num_rows)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def _rows(task: Human36mShardTask, one: RecordingFrames, problems: list[Problem]) -> Iterator[dict[str, Any]]:
    left = dict.fromkeys(one.frames(task.every))
    try:
        with PartLabels(one.recording.labels) as labels:
            for frame, rgb in decode_frames(one.recording.video, list(left)):
                del left[frame]
                sample = FrameId(one.recording.name, frame)
                try:
                    parts = _fitted(labels.read(frame), rgb, f"{one.recording.labels}, frame {frame}")
                except DataError as error:
                    problems.append(Problem.from_error(str(sample), error))
                    continue
                yield _row(sample, rgb, parts, task.jpeg_quality)
    except DataError as error:
        problems += [Problem.from_error(str(FrameId(one.recording.name, frame)), error) for frame in left]


def _fitted(parts: NDArray[np.uint8], rgb: NDArray[np.uint8], source: str) -> NDArray[np.uint8]:
    """Labels as large as the image; a missing border is background.

    Raises:
        DataError: Kind `mask_wrong_size` if more than a border is missing or too much.
    """
    height, width = rgb.shape[:2]
    if max(abs(parts.shape[0] - height), abs(parts.shape[1] - width)) > _BORDER:
        raise DataError(
            f"{source}: labels of {parts.shape[1]}x{parts.shape[0]} px for an image of {width}x{height}; take the "
            "labels that belong to this video",
            kind="mask_wrong_size",
            file=source,
        )
    fitted = np.zeros((height, width), np.uint8)
    inner = parts[:height, :width]
    fitted[: inner.shape[0], : inner.shape[1]] = inner
    return fitted


def _row(sample: FrameId, rgb: NDArray[np.uint8], parts: NDArray[np.uint8], quality: int) -> dict[str, Any]:
    name = sample.sequence
    return {
        "sample_id": str(sample),
        "subject": name.subject,
        "action": name.action,
        "camera": name.camera,
        "frame": sample.frame,
        "rgb": {"bytes": encode_rgb(rgb, quality), "path": f"{sample}.jpg"},
        "parts": {"bytes": encode_png(parts), "path": f"{sample}.png"},
    }
