"""Generated people as raw Human3.6M: videos of four cameras and part labels in MATLAB files."""

from hcmoco_bench.synth.human36m.dataset import Human36mOptions, write_human36m

__all__ = ["Human36mOptions", "write_human36m"]
