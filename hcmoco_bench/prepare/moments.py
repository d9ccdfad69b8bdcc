"""Whether a clip's video, depth and skeletons show the same moments under the same frame numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.clips import RECORDINGS, Clip
from hcmoco_bench.sources.ntu.extents import Extent, out_of_step

WORDS: Final = {"rgb": "video", "depth": "depth", "skeleton": "skeletons"}
"""What the recordings are called in messages."""

KIND: Final = "lengths_differ"


def unknown_moments(clip: Clip, extents: Mapping[str, Extent], *, rgb_only: bool) -> tuple[DataError, bool] | None:
    """Compare the lengths of a clip's recordings; see `out_of_step`.

    Args:
        clip: The clip.
        extents: Its recordings' frames, by the names of `RECORDINGS`; those that cannot be read are missing.
        rgb_only: Whether depth is not stored; it is then a witness and nothing else.

    Returns:
        The error of kind `lengths_differ` if what is stored cannot be paired, and whether images cannot, or only the
        skeletons with them; None if all can.
    """
    wrong = out_of_step(extents)
    images = "rgb" in wrong or ("depth" in wrong and not rgb_only)
    if "rgb" not in extents or not (images or "skeleton" in wrong):
        return None
    lengths = ", ".join(f"{extents[kind].length} of {WORDS[kind]}" for kind in RECORDINGS if kind in extents)
    blamed = [kind for kind in RECORDINGS if kind in wrong]
    where = getattr(clip, blamed[0])
    if len(blamed) == 1:
        what = f"the {WORDS[blamed[0]]} cannot be paired with the others by frame number"
    else:
        what = "none can be paired with another by frame number"
    error = DataError(
        f"{where}: frames of this clip differ in number ({lengths}): {what}; give the published files, neither cut nor "
        "re-encoded",
        kind=KIND,
        file=str(where),
    )
    return error, images
