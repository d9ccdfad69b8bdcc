"""COCO keypoints as published: one JSON file for each split, images in a folder of the split's name."""

from hcmoco_bench.sources.coco.annotations import find_annotations, read_annotations

__all__ = ["find_annotations", "read_annotations"]
