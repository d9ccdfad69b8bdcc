"""Format constants of DensePose-COCO as it is published, and of the body that generated data comes with."""

from __future__ import annotations

from typing import Final

FILES: Final = {
    "train": "densepose_coco_2014_train.json",
    "minival": "densepose_coco_2014_minival.json",
    "valminusminival": "densepose_coco_2014_valminusminival.json",
}
"""Annotation file of each split, as first published."""

LATER_FILES: Final = {
    "train": "densepose_train2014.json",
    "minival": "densepose_minival2014.json",
    "valminusminival": "densepose_valminusminival2014.json",
}
"""The same files under the names that they were given later."""

FOLDERS: Final = ("annotations", "annotations/densepose", "annotations/DensePose_COCO", "DensePose_COCO", "")
"""Where below the data set's folder they are looked for."""

IMAGE_FOLDERS: Final = {"train": "train2014", "minival": "val2014", "valminusminival": "val2014"}
"""Folder of each split's images, COCO's of 2014."""

MASK_SIZE: Final = 256
"""Side of the masks of `dp_masks`, px; they cover the box, as `dp_x` and `dp_y` do with 0..255."""

POINT_RANGE: Final = 255.0
"""Largest `dp_x` and `dp_y`: the box's right and lower edge."""

BODY_FILE: Final = "densepose_body.npz"
"""Beside generated annotations: the surface that their charts belong to; see `body.py`."""
