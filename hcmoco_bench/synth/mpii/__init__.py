"""Generated people as MPII Human Pose."""

from hcmoco_bench.synth.mpii.dataset import write_mpii

__all__ = ["write_mpii"]
