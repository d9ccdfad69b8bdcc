"""Fingerprints of one sample that can be checked without the pixels they were made from.

Depth, parts and joints are hashed after decoding, so that the hash does not depend on a PNG or text writer: whoever
holds the same NTU files gets the same hash, always. A color image cannot be hashed that way: it was decoded from a
video and warped, and other versions of FFmpeg and OpenCV differ in the last bit. It has two fingerprints instead: the
SHA-256 of the JPEG file, equal where the versions are equal, and a 256-bit *difference hash* that survives such last
bits but not another image. Neither can be turned back into an image. (A hash of the whole video would be exact, but
asks for every byte of hundreds of gigabytes of which prepare reads a small part.)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files.hashing import bytes_sha256
from hcmoco_bench.store.arrays.samples import SampleArrays, decode_row

_CELLS = 16
_STEP = 2.0  # gray levels between neighboring cells; flat regions then give 0 whatever their noise

DIFFERENCE_TOLERANCE = 8
"""Bits of 256 in which the difference hashes of two decodings of one frame may differ.

Measured on a real NTU clip: noise of +-2 gray levels changes up to 5 bits, a shift by half a pixel up to 8, JPEG at
quality 50 instead of 95 up to 10; a mirrored image differs in more than 100.
"""


@dataclass(frozen=True)
class SampleHashes:
    """Fingerprints of one row; SHA-256 in hex of decoded content unless said otherwise.

    Attributes:
        rgb_sha256: Of the JPEG file's bytes.
        rgb_difference_hash: `difference_hash` of the color image.
        depth_sha256: Of the uint16 millimeters; None without depth.
        parts_sha256: Of the uint8 class indices; None without masks.
        bodies_sha256: `bodies_sha256` of the skeletons.
    """

    rgb_sha256: str
    rgb_difference_hash: str
    depth_sha256: str | None
    parts_sha256: str | None
    bodies_sha256: str


def hash_row(row: Mapping[str, Any]) -> SampleHashes:
    """Fingerprint a row as `Store.rows` gives it.

    Raises:
        StoreError: If an image cannot be decoded.
    """
    sample = decode_row(row)
    return SampleHashes(
        rgb_sha256=bytes_sha256(row["rgb"]["bytes"]),
        rgb_difference_hash=difference_hash(sample.rgb),
        depth_sha256=None if sample.depth is None else array_sha256(sample.depth),
        parts_sha256=None if sample.parts is None else array_sha256(sample.parts),
        bodies_sha256=bodies_sha256(sample),
    )


def array_sha256(array: NDArray[Any]) -> str:
    """SHA-256 (hex) of an array's values in C order, little-endian.

    Args:
        array: Any shape; depth is (424, 512) uint16 mm, parts are (424, 512) uint8 class indices.
    """
    return bytes_sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def bodies_sha256(sample: SampleArrays) -> str:
    """SHA-256 (hex) of a sample's skeletons, body after body.

    For each body: `body_id` as int64, `joints_xyz`, `joints_depth`, `joints_color` as float32, `tracking` as uint8, all
    little-endian; every nan has the same bits.
    """
    content: list[bytes] = []
    for body in range(len(sample.body_id)):
        content.append(sample.body_id[body].astype("<i8").tobytes())
        for joints in (sample.joints_xyz[body], sample.joints_depth[body], sample.joints_color[body]):
            content.append(np.where(np.isnan(joints), np.float32(np.nan), joints).astype("<f4").tobytes())
        content.append(sample.tracking[body].tobytes())
    return bytes_sha256(b"".join(content))


def difference_hash(rgb: NDArray[np.uint8]) -> str:
    """256-bit difference hash (64 hex digits) of a color image.

    The image's luma is averaged over 16 rows of 17 cells; a bit says whether a cell is more than two gray levels
    brighter than its left neighbor. Two frames of one clip differ in few bits: the hash tells images apart, not
    neighboring frames (the depth hash does that).

    Args:
        rgb: (H, W, 3) uint8 RGB, at least 16 by 17 px.
    """
    height, width = rgb.shape[:2]
    rows = np.linspace(0, height, _CELLS + 1).astype(int)
    columns = np.linspace(0, width, _CELLS + 2).astype(int)
    sums = np.add.reduceat(np.add.reduceat(rgb, rows[:-1], axis=0, dtype=np.uint32), columns[:-1], axis=1)
    cells = sums @ np.array([0.299, 0.587, 0.114]) / np.outer(np.diff(rows), np.diff(columns))
    return np.packbits(np.diff(cells, axis=1) > _STEP).tobytes().hex()


def difference(one: str, other: str) -> int:
    """Number of bits in which two difference hashes differ, 0..256."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
