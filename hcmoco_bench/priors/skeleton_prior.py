"""A prior: many 3-D skeletons of people, as a camera would see them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files.hashing import bytes_sha256

JOINTS: Final = "h36m17"
"""Joint set of priors."""


@dataclass(frozen=True, eq=False)
class SkeletonPrior:
    """N skeletons of 17 joints in the order of `JOINTS`.

    Attributes:
        joints: (N, 17, 3) float32, x to the right of the image, y down, z away from the camera; the root is at the
            origin. Meters if `metric`, and otherwise of an unknown unit for each skeleton.
        body: (N,) int32, which body each skeleton is of.
        metric: Whether the numbers are meters.
        source: Where the skeletons come from, in a phrase.
        sha256: Fingerprint of the joints.
        pitch: (N,) float32 degrees by which each skeleton's camera looks down; None where it is not known.
    """

    joints: NDArray[np.float32]
    body: NDArray[np.int32]
    metric: bool
    source: str
    sha256: str
    pitch: NDArray[np.float32] | None = None

    @classmethod
    def of(
        cls,
        joints: NDArray[np.floating],
        body: NDArray[np.integer],
        *,
        metric: bool,
        source: str,
        pitch: NDArray[np.floating] | None = None,
    ) -> SkeletonPrior:
        """Make a prior of joints: convert the arrays and take the fingerprint.

        Args:
            joints: (N, 17, 3), axes and unit as above, the root at the origin.
            body: (N,) number of the body.
            metric: Whether the numbers are meters.
            source: Where the skeletons come from.
            pitch: (N,) degrees, if known.
        """
        kept = np.ascontiguousarray(joints, np.float32)
        return cls(
            kept,
            np.ascontiguousarray(body, np.int32),
            metric,
            source,
            joints_sha256(kept),
            None if pitch is None else np.ascontiguousarray(pitch, np.float32),
        )

    def __len__(self) -> int:
        return len(self.joints)

    def normalized(self) -> NDArray[np.float32]:
        """(N, 17, 3) float32, each skeleton scaled so that the squares of its 51 numbers sum to 1."""
        length = np.sqrt((self.joints.astype(np.float64) ** 2).sum((1, 2), keepdims=True))
        return np.asarray(self.joints / length, np.float32)


def joints_sha256(joints: NDArray[np.float32]) -> str:
    """SHA-256 (hexadecimal) of joints (N, 17, 3) as little-endian float32."""
    return bytes_sha256(np.ascontiguousarray(joints, "<f4").tobytes())
