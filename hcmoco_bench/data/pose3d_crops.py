"""Human3.6M for training and scoring: a crop around the person, with joints in px of the crop and relative depth."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.data.crops import MARGIN, ROTATION_DEVIATION, ROTATION_PROBABILITY, SCALE_JITTER
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.pose_index import PoseIndex
from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import Reduction, decode_rgb

PoseFraming = Literal["joints", "root"]
"""How the person is framed: `joints`, the square around the joints in the image with a margin; `root`, the square that
2 m around the root cover at its true distance, as Sun et al. do."""

ROOT: Final = 0
"""Index of the root joint in `h36m17`."""

BOX_METERS: Final = 2.0
"""Side of the square of `root`, and depth range around the root, meters."""

FLIP: Final = 0.5
"""Probability of mirroring in training."""

COLOR: Final = 0.2
"""Largest deviation from 1 of the random factor of each color channel in training."""

_SMALLEST: Final = 8.0
"""Least side of a square, px of the image."""
_REDUCTIONS: Final[tuple[Reduction, ...]] = (8, 4, 2, 1)


@dataclass(frozen=True)
class PoseSample:
    """A crop with its joints.

    Attributes:
        sample_id: Id of the frame.
        rgb: (3, S, S) uint8; black outside the image.
        target: (J, 3) float64, px (x, y) of the crop, and meters behind the root.
        joints: (J, 3) float64 true joints, meters in the camera's coordinates; sides as in the frame, also in mirrored
            crops.
        to_image: (2, 3) float64, maps px (x, y, 1) of the crop to px of the image.
        intrinsics: (4,) float64 fx, fy, cx, cy px of the image.
    """

    sample_id: str
    rgb: Tensor
    target: Tensor
    joints: Tensor
    to_image: Tensor
    intrinsics: Tensor


@dataclass(frozen=True, eq=False)
class PoseBatch(BatchRecord):
    """B crops: the tensors of `PoseSample` with a batch axis."""

    rgb: Tensor
    target: Tensor
    joints: Tensor
    to_image: Tensor
    intrinsics: Tensor

    def to_rays(self, xy: Tensor) -> Tensor:
        """Directions in which places of the crop are seen.

        Args:
            xy: (B, J, 2) px (x, y) of the crop.

        Returns:
            (B, J, 2) float64 x / z and y / z in the camera's coordinates.
        """
        image = xy.double() @ self.to_image[:, :, :2].mT + self.to_image[:, None, :, 2]
        return (image - self.intrinsics[:, None, 2:]) / self.intrinsics[:, None, :2]

    def to_camera(self, xy: Tensor, depths: Tensor, root_z: Tensor) -> Tensor:
        """Joints in the camera's coordinates.

        Args:
            xy: (B, J, 2) px (x, y) of the crop.
            depths: (B, J) meters behind the root.
            root_z: (B,) distance of the root from the camera along its axis, meters.

        Returns:
            (B, J, 3) float64 meters; x right, y down, z forward.
        """
        z = root_z.double()[:, None] + depths.double()
        return torch.cat([self.to_rays(xy) * z[..., None], z[..., None]], dim=-1)


_TENSORS = tuple(field.name for field in fields(PoseBatch) if field.name != "sample_ids")


def collate_poses(samples: Iterable[PoseSample], size: int | None = None) -> PoseBatch:
    """Stack samples of one crop size; raises ValueError if there are none."""
    given = list(samples)
    if not given:
        raise ValueError("a batch needs at least one sample")
    stacked = {name: torch.stack([getattr(sample, name) for sample in given]) for name in _TENSORS}
    return PoseBatch(tuple(sample.sample_id for sample in given), **stacked)


class PoseCrops(Dataset[PoseSample]):
    """Crops of the frames of a split.

    Training scales the square by N(1, 0.25) within 0.75 to 1.25, rotates it with probability 0.6 by N(0, 30) within
    -60 to 60 degrees, mirrors it with probability 0.5, which swaps the sides of the joints, and multiplies each color
    by 0.8 to 1.2. An image is decoded at 1/2, 1/4 or 1/8 of its size if the crop shrinks it at least that much.

    The depths of the target are those of the frame, since a square that turns turns about the camera's axis. The
    places are where the fitted camera sees the joints, so that the target is exactly the true joints.

    Args:
        store: Folder of the store, for messages.
        index: Rows to use.
        shards: Shards of the store.
        joints: Joint set of the poses.
        framing: How the person is framed.
        size: Side of the crop in px.
        train: Draw random crops; otherwise every crop is deterministic.
        strength: Strength of the random changes as a fraction of those above; mirroring stays.
        seed: Seed of the random crops.
    """

    def __init__(
        self,
        store: Path,
        index: PoseIndex,
        shards: tuple[Path, ...],
        *,
        joints: JointSet,
        framing: PoseFraming,
        size: int,
        train: bool,
        strength: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.store, self.index, self.joints, self.framing = store, index, joints, framing
        self.size, self.train, self.strength, self.seed = size, train, strength, seed
        self._images = ShardReader(shards)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: DrawLike) -> PoseSample:
        draw = as_draw(key, 0)
        row = draw.row
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is outside the {len(self)} rows of {self.store}")
        rng = draw.generator(self.seed) if self.train else None
        crop = self.crop(row, rng)
        factor = next(factor for factor in _REDUCTIONS if factor == 1 or crop.scale * factor <= 1.0)
        rgb = image_tensor(crop.of_reduced(factor).rgb(self.image(row, factor)))
        if rng is not None:
            rgb = _recolored(rgb, self.strength, rng)
        joints = self.index.joints[row]
        target = np.column_stack([crop.points(self.pixels(row)), joints[:, 2] - joints[ROOT, 2]])
        linear = np.linalg.inv(crop.matrix[:, :2])
        return PoseSample(
            sample_id=str(self.index.ids[row]),
            rgb=rgb,
            target=torch.from_numpy(target[self.joints.flip] if crop.mirrors else target),
            joints=torch.from_numpy(joints),
            to_image=torch.from_numpy(np.column_stack([linear, -linear @ crop.matrix[:, 2]])),
            intrinsics=torch.from_numpy(self.index.intrinsics[row]),
        )

    def pixels(self, row: int) -> NDArray[np.float64]:
        """(J, 2) px (x, y) of the image where the fitted camera sees the joints of a row."""
        joints, intrinsics = self.index.joints[row], self.index.intrinsics[row]
        return np.asarray(intrinsics[:2] * joints[:, :2] / joints[:, 2:] + intrinsics[2:])

    def square(self, row: int) -> tuple[NDArray[np.float64], float]:
        """Center (2,) and side, px of the image, of the square that frames the person of a row."""
        pixels = self.pixels(row)
        if self.framing == "root":
            side = BOX_METERS * float(self.index.intrinsics[row, 0] / self.index.joints[row, ROOT, 2])
            return pixels[ROOT], max(side, _SMALLEST)
        low, high = pixels.min(axis=0), pixels.max(axis=0)
        return (low + high) / 2, MARGIN * max(float((high - low).max()), _SMALLEST)

    def crop(self, row: int, rng: np.random.Generator | None) -> Crop:
        """The crop of a row; random if there is a source of randomness."""
        center, side = self.square(row)
        if rng is None:
            return Crop.of_square(center, side, self.size)
        scale = self.strength * float(np.clip(rng.normal(0.0, SCALE_JITTER), -SCALE_JITTER, SCALE_JITTER))
        limit = 2.0 * ROTATION_DEVIATION
        angle = self.strength * float(np.clip(rng.normal(0.0, ROTATION_DEVIATION), -limit, limit))
        turned = rng.random() < ROTATION_PROBABILITY
        crop = Crop.of_square(center, side * (1.0 + scale), self.size, rotation=angle if turned else 0.0)
        return crop.flipped() if rng.random() < FLIP else crop

    def image(self, row: int, factor: Reduction = 1) -> NDArray[np.uint8]:
        """The image of a row, (H, W, 3) uint8, at 1/factor of its size; raises StoreError if it cannot be decoded."""
        shard, group, number = self.index.locations[row].tolist()
        try:
            return decode_rgb(self._images.read(shard, group, number, "rgb") or b"", reduced=factor)
        except ImageError as error:
            raise StoreError(
                f"sample {self.index.ids[row]}: column rgb cannot be decoded; run verify on {self.store}"
            ) from error


def _recolored(rgb: Tensor, strength: float, rng: np.random.Generator) -> Tensor:
    factors = torch.from_numpy(1.0 + strength * rng.uniform(-COLOR, COLOR, 3)).float()
    return (rgb * factors[:, None, None]).round().clamp(0, 255).to(torch.uint8)
