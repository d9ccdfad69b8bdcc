"""The human body as tables: parts and joint sets, read from `annotations/` and nowhere else."""

from hcmoco_bench.body.joints import JointSet, joint_mapping, joint_set
from hcmoco_bench.body.parts import Part, PartTable, part_table

__all__ = ["JointSet", "Part", "PartTable", "joint_mapping", "joint_set", "part_table"]
