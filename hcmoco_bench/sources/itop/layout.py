"""Format constants of ITOP's side view, and its camera: from px and depth to meters and back.

Source: https://zenodo.org/records/3932973, and the data set's page for the meaning of each array. World coordinates are
the camera's: x to the right of the image, y up, z forward, meters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Split = Literal["train", "test"]
SPLITS: Final[tuple[Split, ...]] = ("train", "test")

DEPTH_FILE: Final = "ITOP_side_{split}_depth_map.h5"
"""`id` (N,) bytes, `data` (N, 240, 320) float16 meters, 0 = none."""

LABELS_FILE: Final = "ITOP_side_{split}_labels.h5"
"""`id` (N,) bytes, `is_valid` (N,) uint8, `visible_joints` (N, 15) int16, `image_coordinates` (N, 15, 2) int16 px
(x, y), `real_world_coordinates` (N, 15, 3) float16 meters, `segmentation` (N, 240, 320) int8: joint index or -1."""

PUBLISHED_BOXES: Final[Mapping[Split, str]] = {
    "train": "bounding_box_depth_train.pkl",
    "test": "itop_side_bndbox_test.mat",
}
"""Boxes of people that a detector found, for the frames with valid labels in their order: of train in `A2J/data` of the
repository hongfz16/HCMoCo, a pickled dictionary from the texts 1, 2, ... to (n, 5) boxes x1, y1, x2, y2, score, n from
0 to 8; of test in the repository zhangboshen/A2J, one box x1, y1, x2, y2 for each frame."""

TEST_BOXES_VARIABLE: Final = "FRbndbox_test"
"""The variable of the MATLAB file with the boxes of test."""

OWN_BOXES: Final = "boxes_{split}.csv"
"""A table of one's own with `BOX_COLUMNS`; one line for each frame, with empty cells where nobody was detected."""

BOX_COLUMNS: Final = ("id", "x0", "y0", "x1", "y1")

BOX_MARGIN: Final = (25.0, 15.0)
"""Px by which published boxes of train are widened to the left and right, and to above and below."""

ID_PATTERN: Final = "{person:02d}_{frame:05d}"
"""Frames are called by their person and their number."""

PACKED: Final = ".gz"
"""Suffix of the files as they are downloaded."""

DEPTH_SIZE: Final = (320, 240)
"""Width and height, px."""

N_JOINTS: Final = 15

METRES_PER_PIXEL: Final = 0.0035
"""At one meter's distance; the inverse of the focal length."""

CENTER: Final = (160.0, 120.0)
"""Px (x, y) on the optical axis."""

VALID: Final = {"train": 17_991, "test": 4_863}
"""Frames of the published files whose labels are marked as valid."""


def world_from_pixels(xy: ArrayLike, z: ArrayLike) -> NDArray[np.float64]:
    """Points (..., 3) in meters at depths z (...) behind px (..., 2)."""
    pixels, depth = np.asarray(xy, np.float64), np.asarray(z, np.float64)
    return np.stack(
        [
            (pixels[..., 0] - CENTER[0]) * depth * METRES_PER_PIXEL,
            (CENTER[1] - pixels[..., 1]) * depth * METRES_PER_PIXEL,
            depth,
        ],
        axis=-1,
    )


def pixels_from_world(xyz: ArrayLike) -> NDArray[np.float64]:
    """Px (..., 2) of points (..., 3) in meters; nan for points that are not in front of the camera."""
    points = np.asarray(xyz, np.float64)
    reach = np.where(points[..., 2] > 0, points[..., 2], np.nan) * METRES_PER_PIXEL
    return np.stack([CENTER[0] + points[..., 0] / reach, CENTER[1] - points[..., 1] / reach], axis=-1)
