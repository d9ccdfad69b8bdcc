"""The columns of the published configurations, as `datasets` features; `datasets` is imported only when they are made.

Images are encoded files in a struct of `bytes` and `path`, which is what the feature `Image` reads: a 16-bit depth PNG
comes out of `load_dataset` as a PIL image of mode `I;16` with every millimeter intact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Features

ROW_COLUMNS = {
    "sample_id": "`SsssCcccPpppRrrrAaaaFfff`, frame counted from 1",
    "setup": "setup number (S)",
    "camera": "camera number (C)",
    "performer": "performer number (P)",
    "replication": "replication number (R)",
    "action": "action number (A)",
    "frame": "frame number (F), counted from 1",
    "rgb": "color image warped into the depth frame, 512x424, JPEG; black where the color camera saw nothing",
    "depth": "depth image, 512x424, 16-bit PNG, millimeters, 0 = no measurement or background",
    "parts": "part mask, 512x424, 8-bit PNG of class indices 0..24 (table below), 0 = background",
    "bodies": "Kinect v2 skeletons, main body first: `body_id`; `joints_xyz` (25, 3) meters in the depth camera's "
    "space; `joints_depth` and `joints_color` (25, 2) pixel (x, y) in the depth and the 1920x1080 color frame; "
    "`tracking` (25) 0 not tracked, 1 inferred, 2 tracked",
    "alignment": "`mode` (`homography` or `registered`) and `residual_px`, the rig's mean error on held-out joints, px "
    "of the depth frame",
}
"""Meaning of each column of `parsing`, `parsing_v3` and `pretrain`; `parts` is in a store made with masks only."""

ANNOTATION_COLUMNS = {
    "sample_id": ROW_COLUMNS["sample_id"],
    "splits": "names of all splits that the sample is in, as in the table of fingerprints",
    "parts": ROW_COLUMNS["parts"] + "; only where the masks may be handed on",
    "mode": "how the color image was brought into the depth frame: `homography` or `registered`",
    "calibration": "the transforms of the sample's rig: `homography` (3, 3) takes a color pixel (x, y, 1) of "
    "1920x1080 to a depth pixel of 512x424; `registered` holds both cameras (lengths and centers in px, rotation "
    "vector and translation in m from the depth to the color camera); `residuals`: px of 512x424, on held-out joints",
    "rgb_sha256": "SHA-256 of the JPEG file; equal where FFmpeg and OpenCV are of the same versions",
    "rgb_difference_hash": "256-bit difference hash of the color image; other versions change a few bits of it, "
    "another image many",
    "depth_sha256": "SHA-256 of the depth values (uint16, little-endian, row by row); null without depth",
    "parts_sha256": "SHA-256 of the class indices (uint8, row by row); null without masks",
    "bodies_sha256": "SHA-256 of the skeletons' numbers (see `hcmoco_bench.hub.hashes.bodies_sha256`)",
}
"""Meaning of each column of `annotations`."""


@dataclass(frozen=True)
class Configuration:
    """One configuration of the published dataset.

    Attributes:
        name: E.g. `parsing`; the second argument of `load_dataset`.
        store_set: The prepared store it is made from, `parsing4k` or `pretrain`.
        splits: Published split name -> split of the store.
        description: One sentence for the card.
    """

    name: str
    store_set: str
    splits: dict[str, str]
    description: str


CONFIGURATIONS = (
    Configuration(
        "parsing",
        "parsing4k",
        {name: name for name in ("train", "test", "train_20", "train_10", "train_5", "train_1")},
        "The v2 pair, and uniform samples of its training list (`train_20` is 20 % of it); the samples are tested on "
        "all of `test`.",
    ),
    Configuration(
        "parsing_v3",
        "parsing4k",
        {"train": "v3_train", "test": "v3_test"},
        'The v3 pair, published as "the 20 % setting": the first lines of both v2 lists.',
    ),
    Configuration(
        "pretrain", "pretrain", {"train": "train"}, "Frames without part masks, taken by stride, for pre-training."
    ),
)
"""The configurations that hold pixels. `annotations` holds none and is made from every store given."""

ANNOTATION_SPLITS = {"parsing4k": "parsing", "pretrain": "pretrain"}
"""Split of the configuration `annotations` that holds the rows of a store of each set."""


def row_features(*, parts: bool) -> Features:
    """Features of a full row.

    Args:
        parts: Whether the store was made with masks.
    """
    from datasets import Features, Image, List, Value

    points = List(List(Value("float32")))
    features = {
        "sample_id": Value("string"),
        **{name: Value("int32") for name in ("setup", "camera", "performer", "replication", "action", "frame")},
        "rgb": Image(),
        "depth": Image(),
        "parts": Image(),
        "bodies": List(
            {
                "body_id": Value("int64"),
                "joints_xyz": points,
                "joints_depth": points,
                "joints_color": points,
                "tracking": List(Value("uint8")),
            }
        ),
        "alignment": {"mode": Value("string"), "residual_px": Value("float32")},
    }
    if not parts:
        del features["parts"]
    return Features(features)


def annotation_features(*, parts: bool) -> Features:
    """Features of a row of the configuration `annotations`.

    Args:
        parts: Whether there is a column of part masks.
    """
    from datasets import Features, Image, List, Value

    text, count, number = Value("string"), Value("int64"), Value("float64")
    residual = {"mean": number, "p95": number, "n": count}
    depth = dict.fromkeys(("fx", "fy", "cx", "cy", "k1", "k2", "k3"), number)
    color = dict.fromkeys(("fx", "fy", "cx", "cy", "k1"), number) | {
        "rotation": List(number),
        "translation": List(number),
    }
    features = {
        "sample_id": text,
        "splits": List(text),
        "parts": Image(),
        "mode": text,
        # The fields of hcmoco_bench.align.calibration.RigCalibration.
        "calibration": {
            "rig": text,
            "n_clips": count,
            "n_points": count,
            "n_outliers": count,
            "homography": List(List(number)),
            "registered": {"depth": depth, "color": color},
            "registered_problem": text,
            "residuals": {"homography": residual, "registered": residual},
        },
        **{name: text for name in ANNOTATION_COLUMNS if name.endswith(("_sha256", "_hash"))},
    }
    if not parts:
        del features["parts"]
    return Features(features)
