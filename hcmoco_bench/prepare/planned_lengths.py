"""How long clips are, as far as a plan needs to know: from names and first lines alone, wherever they agree."""

from __future__ import annotations

import os
from collections.abc import Iterable

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.clips import Clip, ClipIndex, DepthFrames
from hcmoco_bench.sources.ntu.extents import MOST_APART
from hcmoco_bench.sources.ntu.layout import DEPTH_PATTERN
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.sources.ntu.skeleton import filled_skeleton

MAX_FRAMES = 100_000
"""A clip of more frames than this (an hour) is a garbled header."""


class PlannedLengths:
    """Lengths of clips; each skeleton file is looked at once, when it is asked for.

    Args:
        clips: The clips.
    """

    def __init__(self, clips: ClipIndex) -> None:
        self._clips = clips
        self._ends: dict[ClipName, bool] = {}

    def frames(self, clip: Clip) -> int:
        """Frames of a clip by its skeleton file, of which all is read only if the first line cannot be believed.

        Raises:
            DataError: Kinds `skeleton_missing` and `skeleton_no_frames`; those of `declared_frames` and of
                `read_skeleton`.
        """
        if clip.skeleton is None:
            raise DataError(f"{clip.name}: has no skeleton file under the roots", kind="skeleton_missing")
        promised = declared_frames(clip.skeleton)
        self._ends[clip.name] = ends = _ends_together(clip, promised)
        longer = not ends and clip.depth is not None and goes_on(clip.depth, promised + MOST_APART)
        if promised == 0 or longer:
            return max(promised, filled_skeleton(clip.skeleton).n_frames)
        return promised

    def unlike(self, names: Iterable[ClipName]) -> dict[str, str]:
        """What the fingerprint of the inputs says of clips whose depth does not end where their skeletons do.

        Whether their frames can be paired depends on depth frames that are not stored. When somebody adds what was
        missing, the plan is another one.
        """
        found = {}
        for name in names:
            if self._ends.get(name):
                continue
            clip = self._clips[name]
            if clip.depth is None or (name not in self._ends and _ends_together(clip, _promised(clip))):
                continue
            extent = clip.depth.extent()
            if extent is not None:
                found[f"{name} depth frames"] = str(extent.length)
        return found


def _promised(clip: Clip) -> int:
    try:
        return 0 if clip.skeleton is None else declared_frames(clip.skeleton)
    except DataError:
        return 0


def _ends_together(clip: Clip, promised: int) -> bool:
    """Whether a clip's depth ends where its skeletons are said to."""
    depth = clip.depth
    return (
        depth is not None
        and promised > 0
        and goes_on(depth, promised - MOST_APART - 1)
        and not goes_on(depth, promised + MOST_APART)
    )


def goes_on(depth: DepthFrames, frame: int) -> bool:
    """Whether the next frame after one (from 0) is there; nothing is listed."""
    if depth.listed is not None:
        return depth.listed.length > frame
    return os.path.exists(f"{depth.path}/{DEPTH_PATTERN.format(frame=max(frame, 0) + 1)}")  # noqa: PTH110 - 100,000 times


def declared_frames(asset: Asset) -> int:
    """The number of frames in the first line of a skeleton file.

    Raises:
        DataError: Kind `skeleton_empty` or `skeleton_garbled`, and those of reading the file.
    """
    with asset.open() as handle:
        line = handle.readline(64).strip()
    try:
        n_frames = int(line)
    except ValueError:
        n_frames = -1
    if line and 0 <= n_frames <= MAX_FRAMES:
        return n_frames
    kind, what = (
        ("skeleton_garbled", "does not begin with a number of frames") if line else ("skeleton_empty", "is empty")
    )
    raise DataError(f"{asset}: {what}; extract it again", kind=kind, file=str(asset))
