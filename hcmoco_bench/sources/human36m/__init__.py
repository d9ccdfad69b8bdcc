"""Human3.6M as downloaded: videos and part labels by subject, action and camera."""

from hcmoco_bench.sources.human36m.labels import PartLabels
from hcmoco_bench.sources.human36m.names import FrameId, SequenceName
from hcmoco_bench.sources.human36m.tree import Human36mTree, Recording, scan
from hcmoco_bench.sources.human36m.video import count_frames, decode_frames

__all__ = [
    "FrameId",
    "Human36mTree",
    "PartLabels",
    "Recording",
    "SequenceName",
    "count_frames",
    "decode_frames",
    "scan",
]
