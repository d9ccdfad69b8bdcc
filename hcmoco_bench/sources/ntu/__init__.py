"""NTU RGB+D as downloaded: names, clips in folders and archives, skeletons, video, depth, published masks."""

from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.depth import read_depth
from hcmoco_bench.sources.ntu.masks import MaskFolder, read_mask
from hcmoco_bench.sources.ntu.missing import parse_missing_list
from hcmoco_bench.sources.ntu.names import ClipName, Rig, SampleId
from hcmoco_bench.sources.ntu.skeleton import Skeleton, parse_skeleton, read_skeleton
from hcmoco_bench.sources.ntu.tree import Clip, DepthFrames, NtuTree, scan
from hcmoco_bench.sources.ntu.video import count_frames, decode_frames

__all__ = [
    "Asset",
    "Clip",
    "ClipName",
    "DepthFrames",
    "MaskFolder",
    "NtuTree",
    "Rig",
    "SampleId",
    "Skeleton",
    "count_frames",
    "decode_frames",
    "parse_missing_list",
    "parse_skeleton",
    "read_depth",
    "read_mask",
    "read_skeleton",
    "scan",
]
