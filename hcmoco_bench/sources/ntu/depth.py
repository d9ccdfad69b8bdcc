"""NTU masked depth frames: 16-bit PNG, millimeters."""

from __future__ import annotations

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.png import decode_depth
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.layout import DEPTH_SIZE


def read_depth(asset: Asset) -> NDArray[np.uint16]:
    """Read one depth frame.

    Args:
        asset: `MDepth-%08d.png`, plain or in an archive.

    Returns:
        (424, 512) uint16, millimeters along the camera's axis, 0 = no measurement or background.

    Raises:
        DataError: `depth_missing`; `depth_unreadable` (no PNG, cut off, damaged); `depth_wrong_type` (8 bit, color);
            `depth_wrong_size`; `depth_empty` (not one pixel measured). Also `zip_unreadable`.
    """
    try:
        data = asset.read_bytes()
    except DataError as error:
        if error.kind == "zip_unreadable":
            raise
        raise DataError(
            str(error),
            kind="depth_missing" if error.kind == "file_missing" else "depth_unreadable",
            file=error.file,
        ) from error
    try:
        depth = decode_depth(data, expected="depth is 16 bit gray in millimeters", size=DEPTH_SIZE)
    except ImageError as error:
        _fail(asset, f"depth_{error.kind}", str(error))
    if not depth.any():
        _fail(asset, "depth_empty", "not one pixel is measured")
    return depth


def _fail(asset: Asset, kind: str, why: str) -> NoReturn:
    message = f"{asset}: {why}; extract or download this frame of nturgb+d_depth_masked again"
    raise DataError(message, kind=kind, file=str(asset))
