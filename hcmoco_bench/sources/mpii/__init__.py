"""MPII Human Pose, as its keypoints are handed around in JSON: one entry a person."""

from hcmoco_bench.sources.mpii.annotations import find_annotations, read_annotations

__all__ = ["find_annotations", "read_annotations"]
