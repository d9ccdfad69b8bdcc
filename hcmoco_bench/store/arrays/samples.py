"""A row with tracked skeletons, decoded: images and joints as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb, decode_unchanged

N_JOINTS: Final = 25
"""Joints of a Kinect v2 body."""


@dataclass(frozen=True)
class SampleArrays:
    """A sample's content, everything in the depth frame unless said otherwise.

    Attributes:
        sample_id: `SsssCcccPpppRrrrAaaaFfff`.
        rgb: (424, 512, 3) uint8 RGB.
        depth: (424, 512) uint16 millimeters, 0 = none; None in a store made without depth.
        parts: (424, 512) uint8 class indices 0..24; None in a store without masks.
        body_id: (B,) int64 tracker ids, main body first; B may be 0.
        joints_xyz: (B, 25, 3) float32 meters in the depth camera's space.
        joints_depth: (B, 25, 2) float32 px (x, y).
        joints_color: (B, 25, 2) float32 px (x, y) in the 1920x1080 video.
        tracking: (B, 25) uint8: 0 not tracked, 1 inferred, 2 tracked.
    """

    sample_id: str
    rgb: NDArray[np.uint8]
    depth: NDArray[np.uint16] | None
    parts: NDArray[np.uint8] | None
    body_id: NDArray[np.int64]
    joints_xyz: NDArray[np.float32]
    joints_depth: NDArray[np.float32]
    joints_color: NDArray[np.float32]
    tracking: NDArray[np.uint8]


def decode_row(row: Mapping[str, Any]) -> SampleArrays:
    """Decode a row as `Store.rows` or `Store.find` gives it.

    Raises:
        StoreError: If an image cannot be decoded; names the sample and the column.
    """
    bodies = row["bodies"]
    rgb = _decode(row, "rgb")
    depth = _decode(row, "depth")
    parts = _decode(row, "parts")
    if rgb is None:
        raise StoreError(f"sample {row['sample_id']}: no rgb; run verify on the store")
    return SampleArrays(
        sample_id=row["sample_id"],
        rgb=rgb.astype(np.uint8, copy=False),
        depth=None if depth is None else depth.astype(np.uint16, copy=False),
        parts=None if parts is None else parts.astype(np.uint8, copy=False),
        body_id=np.array([body["body_id"] for body in bodies], np.int64),
        joints_xyz=_joints(bodies, "joints_xyz", 3),
        joints_depth=_joints(bodies, "joints_depth", 2),
        joints_color=_joints(bodies, "joints_color", 2),
        tracking=np.array([body["tracking"] for body in bodies], np.uint8).reshape(-1, N_JOINTS),
    )


def _decode(row: Mapping[str, Any], column: str) -> NDArray[Any] | None:
    stored = row.get(column)
    if stored is None:
        return None
    try:
        return decode_rgb(stored["bytes"]) if column == "rgb" else decode_unchanged(stored["bytes"])
    except ImageError as error:
        raise StoreError(
            f"sample {row['sample_id']}: column {column} cannot be decoded; run verify on the store"
        ) from error


def _joints(bodies: list[dict[str, Any]], column: str, size: int) -> NDArray[np.float32]:
    return np.array([body[column] for body in bodies], np.float32).reshape(-1, N_JOINTS, size)
