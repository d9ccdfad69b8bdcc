"""One training sample, and the draw that decides which one and with which randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

import numpy as np
from torch import Tensor

Joints: TypeAlias = Literal["mpii16", "shared13", "coco17"]
"""Joint sets of samples: the 16 of MPII, the 13 that NTU shares with COCO, and the 17 of COCO."""

JOINT_SETS: Final[tuple[Joints, ...]] = get_args(Joints)
"""Names of all joint sets of samples."""


class Draw(NamedTuple):
    """One draw of a sample; the randomness of its crop depends on this and the data set's seed, on nothing else.

    Attributes:
        row: Row in the data set, or in the mixture.
        epoch: Epoch, from 0.
        repeat: How often the row was drawn before in this epoch; small data sets come round several times.
    """

    row: int
    epoch: int = 0
    repeat: int = 0

    def generator(self, seed: int) -> np.random.Generator:
        """The source of randomness for this draw."""
        return np.random.default_rng((seed, self.epoch, self.row, self.repeat))


DrawLike: TypeAlias = int | tuple[int, int] | Draw
"""A row; a row and an epoch; or a draw."""


def as_draw(key: DrawLike, epoch: int) -> Draw:
    """The draw that a key stands for; a bare row is of the given epoch."""
    return Draw(*key) if isinstance(key, tuple) else Draw(int(key), epoch)


@dataclass(frozen=True)
class Sample:
    """A crop of one person, all modalities on the same H x W pixels. What is missing is None.

    Pixels are (x, y) with whole numbers at pixel centers, x right, y down.

    Attributes:
        sample_id: The store's id of the sample.
        source: Data set it comes from: `ntu`, `mpii` or `coco`.
        index: Row in the data set, or in the mixture: the row of a memory bank.
        rgb: (3, H, W) uint8, 0..255; what lies outside of the image is black.
        depth: (1, H, W) float32 meters, 0 = no measurement; None if nothing was measured in the whole crop.
        foreground: (H, W) bool, where people are; None if that is not known, or if nobody is in the crop.
        parts: (H, W) uint8 class indices 0..24, 0 = background.
        joints: (J, 2) float32 px (x, y) of the crop; joints can lie outside it. A joint of unknown position has that of
            the root joint (the pelvis of `mpii16`, the head of `shared13`, the nose of `coco17`) or, without a known
            root, the mean of the known joints.
        visible: (J,) bool, whether the position of the joint is known and inside the crop.
        intrinsics: (4,) float32 fx, fy, cx, cy of the crop's depth pixels: x = (u - cx) z / fx to the right,
            y = (v - cy) z / fy down, meters. None without depth, and for rotated crops.
    """

    sample_id: str
    source: str
    index: int
    rgb: Tensor | None
    depth: Tensor | None
    foreground: Tensor | None
    parts: Tensor | None
    joints: Tensor
    visible: Tensor
    intrinsics: Tensor | None


class SampleSource(Protocol):
    """What a mixture is made of: a data set that gives samples by draw."""

    joints: Joints
    size: int

    def __len__(self) -> int: ...

    def __getitem__(self, key: DrawLike) -> Sample: ...

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of bare rows."""
        ...
