"""Crops of people for top-down pose: one rectangle a person, with the joints in the crop and the way back.

The random changes are those of HRNet's training (https://github.com/leoxiaobin/deep-high-resolution-net.pytorch,
`lib/dataset/JointsDataset.py`), which Simple Baselines and its successors share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.pose_split import PoseSplit
from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import Reduction, decode_rgb

LARGER: Final = 1.25
"""Sides of a person's rectangle over those of the box, as published."""

HALF_LARGER: Final = 1.5
"""Sides of the rectangle around half a body over those of the box around its joints, as published."""

HALF_FROM: Final = 8
"""People with more annotated joints than this may be cropped to half of the body, as published."""

ROTATED: Final = 0.6
"""Probability of a rotation, as published."""

_LOWER: Final = ("hip", "knee", "ankle", "pelvis")
_FEWEST: Final = 2
_SMALLEST: Final = 1.0
_REDUCTIONS: Final[tuple[Reduction, ...]] = (8, 4, 2, 1)


@dataclass(frozen=True)
class PoseChanges:
    """Random changes of training crops.

    Attributes:
        rotation: Standard deviation of the rotation, degrees; the largest rotation is twice that.
        scale: Standard deviation and largest deviation from 1 of the size.
        flip: Probability of mirroring.
        half_body: Probability of cropping to the upper or the lower half of the body.
    """

    rotation: float
    scale: float
    flip: float
    half_body: float


@dataclass(frozen=True, eq=False)
class PoseBoxes:
    """K rectangles to be cropped, of the crop's proportions.

    Attributes:
        image: (K,) int64 row of the image.
        centers: (K, 2) float64 px (x, y), whole numbers at pixel centers.
        sizes: (K, 2) float64 width and height, px.
        scores: (K,) float64 how sure a detector is of somebody there; 1 for annotated people.
        person: (K,) int64 row of the annotated person; -1 for detections.
    """

    image: NDArray[np.int64]
    centers: NDArray[np.float64]
    sizes: NDArray[np.float64]
    scores: NDArray[np.float64]
    person: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.image)


def rectangles(
    boxes: NDArray[np.float64], aspect: float, image_sizes: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The rectangles around boxes: cut to the image, enlarged to the crop's proportions, and by `LARGER`.

    Args:
        boxes: (K, 4) x, y, width, height, px with edges between pixels.
        aspect: Width of the crop over its height.
        image_sizes: (K, 2) width and height of each box's image; None leaves boxes as they are.

    Returns:
        Centers (K, 2), px with whole numbers at pixel centers; widths and heights (K, 2), px.
    """
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    if image_sizes is not None:
        low, high = np.maximum(low, 0.0), np.minimum(high, image_sizes)
    sides = np.maximum(high - low, _SMALLEST)
    return (low + high) / 2.0 - 0.5, LARGER * in_proportion(sides, aspect)


def in_proportion(sides: NDArray[np.float64], aspect: float) -> NDArray[np.float64]:
    """Widths and heights (K, 2), the shorter of which is enlarged until width over height is `aspect`."""
    height = np.maximum(sides[:, 1], sides[:, 0] / aspect)
    return np.column_stack([aspect * height, height])


def annotated_boxes(split: PoseSplit, aspect: float) -> PoseBoxes:
    """The rectangles of all annotated people, from their boxes or, where none are stated, from their squares."""
    people = split.people
    centers, sizes = rectangles(np.nan_to_num(people.boxes), aspect, split.sizes[people.image])
    without = np.isnan(people.boxes[:, 0])
    side = people.squares[:, 2]
    centers[without] = people.squares[without, :2]
    sizes[without] = np.column_stack([side * min(1.0, aspect), side / max(1.0, aspect)])[without]
    return PoseBoxes(people.image, centers, sizes, np.ones(len(people)), np.arange(len(people)))


@dataclass(frozen=True)
class PoseSample:
    """The k crops of a row: one person in training; everybody in an image, or one person, in scoring.

    Attributes:
        sample_id: Id of the row.
        rgb: (k, 3, H, W) uint8; black outside the image.
        joints: (k, J, 2) float32 px (x, y) of the crop; 0 where not known.
        known: (k, J) bool, whether a joint is annotated; all False for detections.
        to_image: (k, 2, 3) float64, maps px (x, y, 1) of the crop to px of the image.
        box: (k,) int64 row in the boxes.
    """

    sample_id: str
    rgb: Tensor
    joints: Tensor
    known: Tensor
    to_image: Tensor
    box: Tensor


@dataclass(frozen=True, eq=False)
class PoseBatch(BatchRecord):
    """The K crops of B rows, in their order: the tensors of `PoseSample`, put together."""

    rgb: Tensor
    joints: Tensor
    known: Tensor
    to_image: Tensor
    box: Tensor


def collate_poses(samples: Iterable[PoseSample], size: int | None = None) -> PoseBatch:
    """Put samples together; raises ValueError if there are none."""
    given = list(samples)
    if not given:
        raise ValueError("a batch needs at least one sample")
    names = ("rgb", "joints", "known", "to_image", "box")
    tensors = {name: torch.cat([getattr(sample, name) for sample in given]) for name in names}
    return PoseBatch(tuple(sample.sample_id for sample in given), **tensors)


class PoseCrops(Dataset[PoseSample]):
    """Crops of people, by rows of one or more rectangles.

    An image is decoded at 1/2, 1/4 or 1/8 of its size if all crops of the row shrink it at least that much.

    Args:
        split: The images and people.
        boxes: The rectangles.
        rows: Rectangles of each row of the data set; a row of scoring may have none.
        ids: Id of each row.
        size: Width and height of the crop, px.
        changes: Random changes in training; None for the rectangles themselves.
        seed: Seed of the random changes.
    """

    def __init__(
        self,
        split: PoseSplit,
        boxes: PoseBoxes,
        rows: Sequence[Sequence[int]],
        ids: Sequence[str],
        *,
        size: tuple[int, int],
        changes: PoseChanges | None = None,
        seed: int = 0,
    ) -> None:
        self.split, self.boxes, self.size, self.changes, self.seed = split, boxes, size, changes, seed
        self.rows, self.ids = tuple(map(tuple, rows)), tuple(ids)
        self._images = ShardReader(split.shards)
        self._flip = joint_set(split.joints).flip

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, key: DrawLike) -> PoseSample:
        """The crops of a draw; raises StoreError if an image cannot be decoded."""
        draw = as_draw(key, 0)
        if not 0 <= draw.row < len(self):
            raise IndexError(f"row {draw.row} is outside the {len(self)} rows of {self.split.name}")
        rng = None if self.changes is None else draw.generator(self.seed)
        chosen = self.rows[draw.row]
        crops = [self._crop(box, rng) for box in chosen]
        samples = self._cut(chosen, crops)
        n_joints = len(self._flip)
        joints, known = np.zeros((len(chosen), n_joints, 2), np.float32), np.zeros((len(chosen), n_joints), np.bool_)
        for place, (box, crop) in enumerate(zip(chosen, crops, strict=True)):
            person = int(self.boxes.person[box])
            if person >= 0:
                annotated = self.split.people.state[person] > 0
                moved, known[place] = crop.joints(self.split.people.joints[person], annotated, self._flip)
                joints[place] = np.where(known[place][:, None], moved, 0.0)
        back = np.array([_inverse(crop) for crop in crops], np.float64).reshape(-1, 2, 3)
        return PoseSample(
            sample_id=self.ids[draw.row],
            rgb=samples,
            joints=torch.from_numpy(joints),
            known=torch.from_numpy(known),
            to_image=torch.from_numpy(back),
            box=torch.tensor(chosen, dtype=torch.int64),
        )

    def image(self, row: int, *, reduced: Reduction = 1) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB of an image of the split; raises StoreError if it cannot be decoded."""
        shard, group, place = self.split.locations[row].tolist()
        try:
            return decode_rgb(self._images.read(shard, group, place, "image") or b"", reduced=reduced)
        except ImageError as error:
            raise StoreError(
                f"{self.split.name}: image {self.split.image_ids[row]} cannot be decoded; prepare the store again"
            ) from error

    def _cut(self, chosen: Sequence[int], crops: Sequence[Crop]) -> Tensor:
        if not chosen:
            return torch.zeros((0, 3, self.size[1], self.size[0]), dtype=torch.uint8)
        finest = max(crop.scale for crop in crops)
        factor = next(factor for factor in _REDUCTIONS if factor == 1 or finest * factor <= 1.0)
        image = self.image(int(self.boxes.image[chosen[0]]), reduced=factor)
        return torch.stack([image_tensor(crop.of_reduced(factor).rgb(image)) for crop in crops])

    def _crop(self, box: int, rng: np.random.Generator | None) -> Crop:
        center, size = self.boxes.centers[box], self.boxes.sizes[box]
        if rng is None or self.changes is None:
            return Crop.of_rectangle(center, float(size[0]), self.size)
        person = int(self.boxes.person[box])
        people = self.split.people
        known = people.joints[person][people.state[person] > 0].astype(np.float64)
        lower = lower_body(self.split.joints)[people.state[person] > 0]
        if rng.random() < self.changes.half_body and len(known) > HALF_FROM:
            center, size = _half_body(known, lower, self.size[0] / self.size[1], rng) or (center, size)
        spread = self.changes.scale
        factor = float(np.clip(rng.normal(1.0, spread), 1.0 - spread, 1.0 + spread)) if spread else 1.0
        limit = 2.0 * self.changes.rotation
        angle = float(np.clip(rng.normal(0.0, self.changes.rotation), -limit, limit))
        rotation = angle if rng.random() < ROTATED else 0.0
        crop = Crop.of_rectangle(center, float(size[0]) * factor, self.size, rotation=rotation)
        return crop.flipped() if rng.random() < self.changes.flip else crop


@cache
def lower_body(joints: str) -> NDArray[np.bool_]:
    """(J,) which joints of a joint set are in the lower half of the body: hips, knees, ankles and pelvis."""
    return np.array([any(part in name for part in _LOWER) for name in joint_set(joints).joints])


def _half_body(
    known: NDArray[np.float64], lower: NDArray[np.bool_], aspect: float, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Center and size of the rectangle around the joints of one half of a body; None if it has fewer than two."""
    first = bool(rng.random() < 0.5)
    halves = (known[~lower], known[lower])
    chosen = halves[0] if first and len(halves[0]) > _FEWEST else halves[1]
    chosen = chosen if len(chosen) > _FEWEST else halves[0]
    if len(chosen) < _FEWEST:
        return None
    sides = np.maximum(np.ptp(chosen, axis=0), _SMALLEST)
    return chosen.mean(axis=0), HALF_LARGER * in_proportion(sides[None], aspect)[0]


def _inverse(crop: Crop) -> NDArray[np.float64]:
    square = np.vstack([crop.matrix, [0.0, 0.0, 1.0]])
    return np.asarray(np.linalg.inv(square)[:2])
