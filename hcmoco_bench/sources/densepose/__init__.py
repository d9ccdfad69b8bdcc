"""DensePose-COCO as published: COCO's images of 2014, and people with part masks and points on the body's charts."""

from hcmoco_bench.sources.densepose.annotations import (
    DensePoseAnnotations,
    DensePoseImage,
    DensePosePerson,
    SurfaceSamples,
    find_annotations,
    read_annotations,
)
from hcmoco_bench.sources.densepose.body import ChartedBody, find_body, read_body

__all__ = [
    "ChartedBody",
    "DensePoseAnnotations",
    "DensePoseImage",
    "DensePosePerson",
    "SurfaceSamples",
    "find_annotations",
    "find_body",
    "read_annotations",
    "read_body",
]
