"""NTU masked depth frames: 16-bit PNG, millimeters."""

from __future__ import annotations

from typing import NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.png import PngError, check_png_whole, read_png_header
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
        header = read_png_header(data)
        # The claims are judged before decoding: a few bytes may claim 100,000 x 100,000 pixels.
        if (header.color, header.bit_depth) != ("gray", 16):
            _fail(asset, "depth_wrong_type", f"{header}, but depth is 16 bit gray in millimeters")
        if header.size != DEPTH_SIZE:
            _fail(asset, "depth_wrong_size", f"{header}, but depth frames have {DEPTH_SIZE[0]}x{DEPTH_SIZE[1]} px")
        check_png_whole(data)
    except PngError as error:
        _fail(asset, "depth_unreadable", str(error))
    depth = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if depth is None or depth.dtype != np.uint16 or depth.shape != (DEPTH_SIZE[1], DEPTH_SIZE[0]):
        _fail(asset, "depth_unreadable", "its pixels cannot be decoded")
    if not depth.any():
        _fail(asset, "depth_empty", "not one pixel is measured")
    return np.asarray(depth, np.uint16)


def _fail(asset: Asset, kind: str, why: str) -> NoReturn:
    message = f"{asset}: {why}; extract or download this frame of nturgb+d_depth_masked again"
    raise DataError(message, kind=kind, file=str(asset))
