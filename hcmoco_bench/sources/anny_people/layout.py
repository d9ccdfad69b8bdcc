"""The layout of generated people with Anny bodies: an image for each sample, and one `.npz` of numbers for each split.

```
images/train/00000_00.jpg      clip 0 (one person in one room), image 0
annotations/train.npz          the arrays of `ARRAYS`, without pickled objects
annotations/test.npz           other people
```

Axes are those of the camera: x to the right of the image, y down, z away from it. Px are (x, y), whole numbers at pixel
centers. The body is that of the model `anny` of `hcmoco_bench.body_models`, without clothes and hair.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SPLITS: Final = ("train", "test")

ANNOTATIONS: Final = "annotations/{split}.npz"
IMAGE: Final = "images/{split}/{id}.jpg"

SAMPLE_ID: Final = "{clip:05d}_{image:02d}"
"""A sample is named by its clip, which shows one person, and the number of its image."""

SAMPLE_PATTERN: Final = r"\d{5}_\d{2}"

PHENOTYPE: Final = ("gender", "age", "muscle", "weight", "height", "proportions", "african", "asian", "caucasian")
"""Columns of `phenotype`: values of 0 to 1 that shape an Anny body; those of the last three add up to 1."""

ARRAYS: Final[Mapping[str, tuple[int | str, ...]]] = {
    "ids": ("N",),
    "sizes": ("N", 2),
    "boxes": ("N", 4),
    "intrinsics": ("N", 4),
    "phenotype": ("N", len(PHENOTYPE)),
    "rotations": ("N", "P", 3),
    "root": ("N", 3),
    "visible": ("N",),
    "bones": ("P",),
}
"""Arrays of an annotation file with their shapes, for N samples and P bones.

- ids: texts, `SAMPLE_ID`.
- sizes: width and height of the image, px.
- boxes: left, top, width and height of what is seen of the person, px; edges between pixels.
- intrinsics: fx, fy, cx, cy, px.
- phenotype: the columns of `PHENOTYPE`.
- rotations: turn of each bone against its parent, from the rest pose, as rotation vectors in radians; that of the first
  bone, the root, is against the axes of the camera.
- root: the head of the root bone in the space of the camera, meters.
- visible: share of the person's pixels that nothing in the room hides and that lie on the image.
- bones: names of the bones.
"""


def person_of(sample_id: str) -> str:
    """The person whom a sample shows; each clip shows another one."""
    return sample_id.partition("_")[0]
