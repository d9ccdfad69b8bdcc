"""Generated people as COCO keypoints."""

from hcmoco_bench.synth.coco.dataset import write_coco

__all__ = ["write_coco"]
