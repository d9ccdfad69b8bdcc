"""ITOP (Haque et al., ECCV 2016), side view: depth maps and 15 joints, in the HDF5 files that are published."""

from hcmoco_bench.sources.itop.boxes import find_boxes, read_boxes
from hcmoco_bench.sources.itop.layout import DEPTH_SIZE, METRES_PER_PIXEL, SPLITS, pixels_from_world, world_from_pixels
from hcmoco_bench.sources.itop.split import ItopSplit, open_itop

__all__ = [
    "DEPTH_SIZE",
    "METRES_PER_PIXEL",
    "SPLITS",
    "ItopSplit",
    "find_boxes",
    "open_itop",
    "pixels_from_world",
    "read_boxes",
    "world_from_pixels",
]
