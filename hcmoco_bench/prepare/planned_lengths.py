"""How long clips are, as far as a plan needs to know: from names and first lines alone, wherever they agree."""

from __future__ import annotations

from collections.abc import Iterable

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.clips import Clip, ClipIndex
from hcmoco_bench.sources.ntu.extents import MOST_APART, Extent
from hcmoco_bench.sources.ntu.names import ClipName
from hcmoco_bench.sources.ntu.skeleton import filled_skeleton

MAX_FRAMES = 100_000
"""A clip of more frames than this (an hour) is a garbled header."""


class PlannedLengths:
    """Lengths of clips; each file and folder is looked at once, when it is asked for.

    Args:
        clips: The clips.
    """

    def __init__(self, clips: ClipIndex) -> None:
        self._clips = clips
        self._depths: dict[ClipName, Extent | None] = {}
        self._promised: dict[ClipName, int] = {}

    def frames(self, clip: Clip) -> int:
        """Frames of a clip by its skeleton file, of which all is read only if the first line cannot be believed.

        Raises:
            DataError: Kinds `skeleton_missing` and `skeleton_no_frames`; those of `declared_frames` and of
                `read_skeleton`.
        """
        if clip.skeleton is None:
            raise DataError(f"{clip.name}: has no skeleton file under the roots", kind="skeleton_missing")
        promised = self._promised[clip.name] = declared_frames(clip.skeleton)
        depth = self._depth(clip)
        if promised == 0 or (depth is not None and depth.length > promised + MOST_APART):
            return max(promised, filled_skeleton(clip.skeleton).n_frames)
        return promised

    def unlike(self, names: Iterable[ClipName]) -> dict[str, str]:
        """What the fingerprint of the inputs says of clips whose depth is not plainly whole.

        Whether their frames can be paired depends on depth frames that are not stored. When somebody adds what was
        missing, the plan is another one.
        """
        found = {}
        for name in names:
            depth = self._depth(self._clips[name])
            if depth is not None and not (depth.whole and self._fits(self._clips[name], depth)):
                found[f"{name} depth frames"] = str(depth.length)
        return found

    def _depth(self, clip: Clip) -> Extent | None:
        if clip.name not in self._depths:
            self._depths[clip.name] = None if clip.depth is None else clip.depth.extent()
        return self._depths[clip.name]

    def _fits(self, clip: Clip, depth: Extent) -> bool:
        if clip.name not in self._promised:
            try:
                self._promised[clip.name] = -1 if clip.skeleton is None else declared_frames(clip.skeleton)
            except DataError:
                self._promised[clip.name] = -1
        return abs(self._promised[clip.name] - depth.length) <= MOST_APART


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
