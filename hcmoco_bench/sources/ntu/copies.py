"""Copies of one recording of a clip: what a look at each of them, without decoding images, tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.avi_extent import video_extent
from hcmoco_bench.sources.ntu.clips import Clip, DepthFrames
from hcmoco_bench.sources.ntu.extents import Extent, out_of_step
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.sources.ntu.skeleton import filled_skeleton

Recording = Asset | DepthFrames

REPLACED: Final = "copy_replaced"
"""The kind of the problem line of a copy that another one stands in for."""


@dataclass(frozen=True)
class Copy:
    """A copy that was looked at.

    Attributes:
        recording: The copy.
        place: Its place among the copies.
        extent: Its frames; None if they cannot be counted.
        error: Why not.
    """

    recording: Recording
    place: int
    extent: Extent | None
    error: DataError | None = None

    @property
    def whole(self) -> bool:
        """Whether it can be read and all of its frames are there."""
        return self.extent is not None and self.extent.whole

    @property
    def why_not(self) -> str:
        """What is wrong with it, in one sentence that names it."""
        if self.error is not None:
            return str(self.error)
        if self.extent is None:
            return f"{self.recording}: cannot be listed"
        if not self.whole:
            least = "at least " if self.extent.open_end else ""
            count = f"{self.extent.present:,} of {least}{self.extent.length:,} frames are there"
            return f"{self.recording}: incomplete, {count}"
        return f"{self.recording}: {self.extent.length:,} frames, unlike the other recordings of this clip"

    def replaced_by(self, other: Copy, clip: ClipName) -> Problem:
        """The line that says which copy is used instead, with its number: two disks may hold the same names."""
        file = str(self.recording)
        reason = f"{self.why_not}; copy {other.place + 1}, {other.recording}, is used instead"
        return Problem(str(clip), REPLACED, file, reason, kept=True)


def look_at(recording: Recording, kind: str, place: int = 0) -> Copy:
    """Count the frames of a copy, without decoding images.

    Args:
        recording: The copy.
        kind: One of `RECORDINGS`.
        place: Its place among the copies.
    """
    try:
        if isinstance(recording, DepthFrames):
            return Copy(recording, place, recording.extent())
        extent = video_extent(recording) if kind == "rgb" else filled_skeleton(recording).extent
        return Copy(recording, place, extent)
    except DataError as error:
        return Copy(recording, place, None, error)


def copies_of(clip: Clip, kind: str) -> tuple[Recording, ...]:
    """All copies of a recording of a clip, the first one to be used first."""
    first: Recording | None = getattr(clip, kind)
    return () if first is None else (first, *getattr(clip.spare, kind))


def fits(spare: Copy, used: Extent | None) -> bool:
    """Whether a copy shows the same moments as the one that is used, as far as lengths tell."""
    if spare.extent is None:
        return False
    return used is None or not out_of_step({"spare": spare.extent, "used": used})
