"""Which frames of the parsing data sets belong together, by their ids."""

from __future__ import annotations

from collections.abc import Sequence

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.human36m.names import FrameId
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.tasks.core.task import SampleGroups


def frame_groups(ids: Sequence[str]) -> SampleGroups | None:
    """Performers of NTU's sample ids, videos of Human3.6M's; None for ids of neither."""
    try:
        return SampleGroups(tuple(f"P{SampleId.parse(one).clip.performer:03d}" for one in ids), "performers")
    except DataError:
        pass
    try:
        return SampleGroups(tuple(str(FrameId.parse(one).sequence) for one in ids), "videos")
    except DataError:
        return None
