"""Generated people for the recovery of body shape: images, cameras, and the parameters of their Anny bodies."""

from hcmoco_bench.synth.shape.dataset import ShapeOptions, write_shape

__all__ = ["ShapeOptions", "write_shape"]
