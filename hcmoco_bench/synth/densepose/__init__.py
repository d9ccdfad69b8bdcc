"""Generated people as DensePose-COCO: photographs, part masks, points on the body's chart, and the charted body."""

from hcmoco_bench.synth.densepose.dataset import write_densepose

__all__ = ["write_densepose"]
