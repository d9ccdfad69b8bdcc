"""One training sample, and the draw that selects it and determines its randomness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

import numpy as np
from torch import Tensor

from hcmoco_bench.data.views import View

Joints: TypeAlias = Literal["mpii16", "shared13", "coco17"]
"""Joint sets of samples: the 16 of MPII, the 13 that NTU shares with COCO, and the 17 of COCO."""

JOINT_SETS: Final[tuple[Joints, ...]] = get_args(Joints)
"""Names of all joint sets of samples."""

VIEW_STREAM: Final = 1
"""Random stream of the views of a sample, independent of that of its crop."""

COLOR_STREAM: Final = 2
"""Random stream of the changes of a sample's colors."""


class Draw(NamedTuple):
    """One draw of a sample; its randomness depends only on the draw and the seed of the data set.

    Attributes:
        row: Row in the data set or in the mixture.
        epoch: Epoch, from 0.
        repeat: Number of earlier draws of the row in this epoch; a mixture repeats small data sets.
    """

    row: int
    epoch: int = 0
    repeat: int = 0

    def generator(self, seed: int, *, stream: int = 0) -> np.random.Generator:
        """The source of randomness for this draw.

        Args:
            seed: Seed of the data set.
            stream: Number of an independent random stream; 0 is that of the crop.
        """
        entropy = (seed, self.epoch, self.row, self.repeat)
        return np.random.default_rng((*entropy, stream) if stream else entropy)


DrawLike: TypeAlias = int | tuple[int, int] | Draw
"""A row, a row and an epoch, or a draw."""


def as_draw(key: DrawLike, epoch: int) -> Draw:
    """The draw that a key stands for; a bare row belongs to the given epoch."""
    return Draw(*key) if isinstance(key, tuple) else Draw(int(key), epoch)


@dataclass(frozen=True)
class Sample:
    """A crop of one person with all modalities on the same H x W pixels. A missing modality is None.

    Pixel coordinates are (x, y) with integers at pixel centers, x right, y down.

    Attributes:
        sample_id: Id of the sample in the store.
        source: Data set of the sample: `ntu`, `mpii` or `coco`.
        index: Row in the data set or in the mixture, which is also the row of a memory bank.
        rgb: (3, H, W) uint8, 0..255; black outside the image.
        depth: (1, H, W) float32 meters, 0 = missing; None if nothing was measured in the whole crop.
        foreground: (H, W) bool, where people are; None if that is not known or if nobody is in the crop.
        parts: (H, W) uint8 class indices 0..24, 0 = background.
        joints: (J, 2) float32 px (x, y) of the crop; joints can lie outside it. A joint of unknown position has that of
            the root joint (the pelvis of `mpii16`, the head of `shared13`, the nose of `coco17`) or, without a known
            root, the mean of the known joints.
        visible: (J,) bool, whether the position of the joint is known and inside the crop.
        intrinsics: (4,) float32 fx, fy, cx, cy in px of the crop: x = (u - cx) z / fx to the right and
            y = (v - cy) z / fy down, in meters. None without depth and for rotated crops.
        joints3d: (J, 3) float32 meters, x right in the crop, y up, z away from the camera, whose center is the origin;
            0 where not valid. A mirrored crop shows a mirrored body. None for photographs, and unless the data set was
            asked for 3-D joints.
        valid3d: (J,) bool, whether the sensor located the joint, inside the crop or outside; None with `joints3d`.
        skeleton: (J, 2) float32 px (x, y), the joints as an encoder of keypoints sees them, up to shift and scale; None
            if these are `joints`.
        views: Randomly augmented views of the image; empty unless the data set was asked for views.
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
    joints3d: Tensor | None = None
    valid3d: Tensor | None = None
    skeleton: Tensor | None = None
    views: tuple[View, ...] = ()


class SampleSource(Protocol):
    """A data set that a mixture can contain: it gives samples by draw."""

    joints: Joints
    size: int

    def __len__(self) -> int: ...

    def __getitem__(self, key: DrawLike) -> Sample: ...

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of keys that are bare rows."""
        ...
