"""The rows of one shard of a Human3.6M store: chosen frames of some recordings with their part labels and joints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, StoreError
from hcmoco_bench.files.images import encode_png, encode_rgb
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.human36m_poses import RecordingPoses, read_poses, require_inside
from hcmoco_bench.sources.human36m import FrameId, PartLabels, Recording, decode_frames
from hcmoco_bench.sources.video_end import of_frame
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.plan import ShardReport

_BORDER: Final = 4
"""Px by which labels may be larger or smaller than the image: cameras differ by 2, which labels need not follow."""


@dataclass(frozen=True)
class RecordingFrames:
    """A recording and how many frames of it count: those that the video and the labels both have."""

    recording: Recording
    n_frames: int

    def frames(self, every: int) -> range:
        """The frames that are used: 0, every, 2 every, ..."""
        return range(0, self.n_frames, every)


@dataclass(frozen=True)
class Human36mRows:
    """Makes the rows of a shard.

    Attributes:
        recordings: The shard's recordings in row order.
        every: Stride in frames.
        jpeg_quality: JPEG quality of the stored RGB.
        poses: Whether rows have a column `pose`.
    """

    recordings: tuple[RecordingFrames, ...]
    every: int
    jpeg_quality: int
    poses: bool = False

    def __len__(self) -> int:
        return sum(len(one.frames(self.every)) for one in self.recordings)

    def rows(self, report: ShardReport) -> Iterator[Row]:
        """See `ShardRows.rows`; raises StoreError if raw files vanished since the shard was planned."""
        for one in self.recordings:
            for path in one.recording.files:
                if not path.is_file():
                    raise StoreError(f"{path}: was there when the run began; make it readable and run again")
        for one in self.recordings:
            yield from _rows(self, one, report.problems)


def _rows(shard: Human36mRows, one: RecordingFrames, problems: list[Problem]) -> Iterator[Row]:
    left = dict.fromkeys(one.frames(shard.every))
    poses = _Poses(one, shard.every, problems) if shard.poses else None
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
                row = _row(sample, rgb, parts, shard.jpeg_quality)
                yield row if poses is None else row | {"pose": poses.of(sample, rgb)}
    except DataError as error:
        problems += [
            Problem.from_error(str(FrameId(one.recording.name, frame)), of_frame(error, frame)) for frame in left
        ]


class _Poses:
    """The column `pose` of a recording's frames; what cannot be used becomes problem lines, once."""

    def __init__(self, one: RecordingFrames, every: int, problems: list[Problem]) -> None:
        self._one, self._every, self._problems = one, every, problems
        self._found: RecordingPoses | None = None
        self._checked = False
        if one.recording.positions is None and one.recording.projections is None:
            return  # which the search for recordings has said
        try:
            self._found = read_poses(one.recording, one.n_frames)
        except DataError as error:
            self._lost(error)

    def of(self, sample: FrameId, rgb: NDArray[np.uint8]) -> dict[str, Any] | None:
        """The column of a frame; None without a pose."""
        if self._found is not None and not self._checked:
            height, width = rgb.shape[:2]
            self._checked = True
            try:
                require_inside(self._found, self._one.recording, self._one.frames(self._every), width, height)
            except DataError as error:
                self._lost(error)
                self._found = None
        if self._found is None:
            return None
        row = self._found.row(sample.frame)
        if row is None:
            reason = f"{self._one.recording.positions}: ends before frame {sample.frame}, which has no 3-D joints"
            file = str(self._one.recording.positions)
            self._problems.append(Problem(str(sample), "positions_missing", file, reason, kept=True))
        return row

    def _lost(self, error: DataError) -> None:
        self._problems.append(Problem.from_error(str(self._one.recording.name), error, kept=True))


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


def _row(sample: FrameId, rgb: NDArray[np.uint8], parts: NDArray[np.uint8], quality: int) -> Row:
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
