"""A clip's recordings as they are read: where one turns out to be damaged, the next copy stands in for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.clips import Clip
from hcmoco_bench.sources.ntu.copies import Copy, fits, look_at
from hcmoco_bench.sources.ntu.depth import read_depth
from hcmoco_bench.sources.ntu.extents import Extent
from hcmoco_bench.sources.ntu.skeleton import Skeleton, filled_skeleton
from hcmoco_bench.sources.ntu.video import decode_images


class ClipCopies:
    """Reads the recordings of one clip.

    Args:
        clip: The clip.
        lines: Takes a line for each copy that another one stood in for.
    """

    def __init__(self, clip: Clip, lines: set[Problem]) -> None:
        self.clip = clip
        self._lines = lines
        self._videos: list[Asset] = [] if clip.rgb is None else [clip.rgb, *clip.spare.rgb]
        self._extents: dict[str, Extent] | None = None

    def extents(self) -> dict[str, Extent]:
        """The frames of video and depth, those of them that can be counted."""
        if self._extents is None:
            depth = None if self.clip.depth is None else self.clip.depth.extent()
            found = {"rgb": self._video_extent(), "depth": depth}
            self._extents = {kind: extent for kind, extent in found.items() if extent is not None}
        return self._extents

    def read_skeleton(self) -> tuple[Asset, Skeleton]:
        """Read the first skeleton file that is whole, or else the first that can be read.

        Raises:
            DataError: The kinds of `filled_skeleton`, for the first copy; `skeleton_missing` without any.
        """
        if self.clip.skeleton is None:
            raise DataError(f"{self.clip.name}: has no skeleton file under the roots", kind="skeleton_missing")
        looked: list[Copy] = []
        found: dict[Asset, Skeleton] = {}
        assets = (self.clip.skeleton, *self.clip.spare.skeleton)
        for place, asset in enumerate(assets):
            try:
                found[asset] = filled_skeleton(asset)
                looked.append(Copy(asset, place, found[asset].extent))
            except DataError as error:
                looked.append(Copy(asset, place, None, error))
            if looked[-1].whole:
                break
        if not found and looked[0].error is not None:
            raise looked[0].error
        best = next((copy for copy in looked if copy.whole), None) or next(copy for copy in looked if copy.extent)
        self._replaced(looked[0], best)
        file = assets[best.place]
        return file, found[file]

    def read_depth(self, frame: int) -> NDArray[np.uint16]:
        """Read a depth frame; see `hcmoco_bench.sources.ntu.depth.read_depth`.

        Raises:
            DataError: The kinds of that function, for the first copy; `depth_missing` without any.
        """
        used = self.clip.depth
        if used is None:
            raise DataError(
                f"{self.clip.name}: has no masked depth under the roots; --rgb-only makes do without",
                kind="depth_missing",
            )
        try:
            return read_depth(used.frame(frame))
        except DataError as error:
            for place, spare in enumerate(self.clip.spare.depth, start=1):
                if not fits(look_at(spare, "depth"), self.extents().get("depth")):
                    continue
                try:
                    depth = read_depth(spare.frame(frame))
                except DataError:
                    continue
                self._replaced(Copy(used.frame(frame), 0, None, error), Copy(spare.frame(frame), place, None))
                return depth
            raise

    def decode_images(self, frames: Sequence[int]) -> Iterator[tuple[int, VideoFrame]]:
        """Decode some frames; see `hcmoco_bench.sources.ntu.video.decode_images`.

        Frames that the first copy lacks, or has damaged, come from the next one, after those of the first.

        Raises:
            DataError: The kinds of that function, for the first copy, if no other has the frames that it lacks.
        """
        left = list(frames)
        first: DataError | None = None
        used = self.extents().get("rgb")
        for place, asset in enumerate(self._videos):
            copy = Copy(asset, place, used) if place == 0 else look_at(asset, "rgb", place)
            if not fits(copy, used) and place:
                continue
            try:
                for frame, image in decode_images(asset, tuple(left)):
                    if first is not None:
                        self._replaced(Copy(self._videos[0], 0, None, first), copy)
                    left.remove(frame)
                    yield frame, image
            except DataError as error:
                first = first or error
            else:
                return
        if first is not None:
            raise first

    def _video_extent(self) -> Extent | None:
        """The frames of the video that is used: the first whole one, if there are several."""
        if not self._videos:
            return None
        used = look_at(self._videos[0], "rgb")
        if used.whole:
            return used.extent
        for place in range(1, len(self._videos)):
            spare = look_at(self._videos[place], "rgb", place)
            if spare.whole and (used.extent is None or fits(spare, used.extent)):
                self._replaced(used, spare)
                self._videos.insert(0, self._videos.pop(place))
                return spare.extent
        return used.extent

    def _replaced(self, bad: Copy, used: Copy) -> None:
        if used.place != bad.place:
            self._lines.add(bad.replaced_by(used, self.clip.name))
