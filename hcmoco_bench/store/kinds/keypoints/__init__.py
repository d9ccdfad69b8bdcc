"""Stores of annotated photographs: MPII and COCO."""

from hcmoco_bench.store.kinds.keypoints.columns import IGNORED, PERSON, SCHEMA, image_id
from hcmoco_bench.store.kinds.keypoints.kind import KEYPOINTS, KeypointKind, KeypointStore
from hcmoco_bench.store.kinds.keypoints.manifest import LICENSES, VERSION, KeypointManifest, KeypointSplit

__all__ = [
    "IGNORED",
    "KEYPOINTS",
    "LICENSES",
    "PERSON",
    "SCHEMA",
    "VERSION",
    "KeypointKind",
    "KeypointManifest",
    "KeypointSplit",
    "KeypointStore",
    "image_id",
]
