"""ITOP for training and scoring: a crop of the depth map around the person, and where the joints are in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.data.person_finder import find_person
from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.sources.itop import DEPTH_SIZE, METRES_PER_PIXEL, ItopSplit, pixels_from_world
from hcmoco_bench.sources.itop.layout import CENTER

Framing = Literal["found", "labels"]
"""Where the person is: `found` in the depth map alone; or, as published, said by the `labels`."""

DEPTH_FACTOR: Final = 50.0
"""Units of the target a meter: as published, so that depths weigh about as much as px."""

JITTER: Final = 10.0
ROTATION: Final = 15.0
SCALES: Final = (0.5, 1.5)

_MARGIN: Final = 1.15
"""Side of the square over the longer side of the box around the person that was found."""

_SPARE: Final = 0.1
"""Meters before and behind the person that are kept."""

_LABEL_MARGIN: Final = (25.0, 15.0)
"""Px around the box of the true joints, to the sides and up and down, as published for training."""

_LABEL_SPARE: Final = 0.05
"""Meters behind the deepest true joint that are kept, as published."""

_MILLIMETRES: Final = 1000.0
_WIDTH, _HEIGHT = DEPTH_SIZE


@dataclass(frozen=True)
class Frame:
    """Which part of a depth map is the person.

    Attributes:
        box: (4,) float64 px x0, y0, x1, y1 of the part that becomes the crop.
        near: Meters; what is nearer is taken out.
        far: Meters; what is farther is taken out.
        known: False if nobody was found: the whole depth map.
    """

    box: NDArray[np.float64]
    near: float
    far: float
    known: bool = True


@dataclass(frozen=True)
class JointSample:
    """A crop with its joints.

    Attributes:
        sample_id: Name of the frame.
        depth: (1, S, S) float32 meters, 0 = none or taken out.
        mean: () float32 meters, mean of what is left; 0 if nothing is.
        target: (J, 3) float32: px of the crop (x, y), and `DEPTH_FACTOR` x meters from the mean.
        world: (J, 3) float32 true joints, meters.
        to_image: (2, 3) float32, px (x, y, 1) of the crop to px of the depth map.
        known: () bool, whether the person was found.
    """

    sample_id: str
    depth: Tensor
    mean: Tensor
    target: Tensor
    world: Tensor
    to_image: Tensor
    known: Tensor


@dataclass(frozen=True, eq=False)
class JointBatch(BatchRecord):
    """B crops: the tensors of `JointSample` with a batch axis."""

    depth: Tensor
    mean: Tensor
    target: Tensor
    world: Tensor
    to_image: Tensor
    known: Tensor

    def to_world(self, places: Tensor, depths: Tensor) -> Tensor:
        """Joints in the world.

        Args:
            places: (B, J, 2) px of the crop (x, y).
            depths: (B, J) in the unit of the target.

        Returns:
            (B, J, 3) meters.
        """
        z = depths / DEPTH_FACTOR + self.mean[:, None]
        xy = places @ self.to_image[:, :, :2].mT + self.to_image[:, None, :, 2]
        x = (xy[..., 0] - CENTER[0]) * z * METRES_PER_PIXEL
        y = (CENTER[1] - xy[..., 1]) * z * METRES_PER_PIXEL
        return torch.stack([x, y, z], dim=-1)


_TENSORS = tuple(one.name for one in fields(JointBatch) if one.name != "sample_ids")


def collate_joints(samples: Iterable[JointSample], size: int | None = None) -> JointBatch:
    """Stack samples of one crop size; raises ValueError if there is none."""
    given = list(samples)
    if not given:
        raise ValueError("a batch needs at least one sample")
    stacked = {name: torch.stack([getattr(sample, name) for sample in given]) for name in _TENSORS}
    return JointBatch(tuple(sample.sample_id for sample in given), **stacked)


class ItopCrops(Dataset[JointSample]):
    """Crops of a split of ITOP.

    Depth maps are read when they are asked for. In training the edges of the box are moved by up to 10 px, and the crop
    is turned by up to 15 degrees and scaled by 0.5 to 1.5, as published; depths stay.

    Args:
        source: The split.
        framing: `found`: a square around the person, who is found in the depth map; `labels`: the box of the true
            joints, stretched, and nothing behind the deepest of them.
        size: Side of the crop, px.
        train: Whether crops are drawn; otherwise they are the same every time.
        strength: Of the drawing, as a share of the published one.
        seed: Of the draws.
    """

    def __init__(
        self,
        source: ItopSplit,
        *,
        framing: Framing,
        size: int,
        train: bool,
        strength: float = 1.0,
        seed: int = 0,
    ) -> None:
        self.source, self.framing, self.size, self.train, self.seed = source, framing, size, train, seed
        self.strength = strength
        self._found: dict[int, Frame] = {}

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: DrawLike) -> JointSample:
        draw = as_draw(key, 0)
        if not 0 <= draw.row < len(self):
            raise IndexError(f"row {draw.row} is outside of the {len(self)} of {self.source.depth_file}")
        depth = self.source.depth(draw.row)
        frame = self.frame(draw.row, depth)
        kept = np.where((depth >= frame.near) & (depth <= frame.far), depth, np.float32(0))
        crop = self._crop(frame, kept, draw.generator(self.seed) if self.train else None)
        meters = crop.depth(np.round(kept * _MILLIMETRES).astype(np.uint16)).astype(np.float32) / _MILLIMETRES
        measured = meters > 0
        mean = np.float32(meters[measured].mean(dtype=np.float64)) if measured.any() else np.float32(0)
        world = self.source.joints[draw.row]
        target = np.column_stack([crop.points(pixels_from_world(world)), DEPTH_FACTOR * (world[:, 2] - mean)])
        linear = np.linalg.inv(crop.matrix[:, :2])
        back = np.column_stack([linear, -linear @ crop.matrix[:, 2]])
        return JointSample(
            sample_id=self.source.ids[draw.row],
            depth=torch.from_numpy(meters.astype(np.float32)).unsqueeze(0),
            mean=torch.tensor(mean),
            target=torch.from_numpy(target.astype(np.float32)),
            world=torch.from_numpy(world),
            to_image=torch.from_numpy(back.astype(np.float32)),
            known=torch.tensor(frame.known),
        )

    def frame(self, row: int, depth: NDArray[np.float32] | None = None) -> Frame:
        """Where the person of a row is; found once a process and kept.

        Args:
            row: Of the data set.
            depth: Its depth map, if it was read already.
        """
        if row not in self._found:
            if self.framing == "labels":
                self._found[row] = frame_of_labels(self.source.joints[row])
            else:
                self._found[row] = frame_of_person(self.source.depth(row) if depth is None else depth)
        return self._found[row]

    def _crop(self, frame: Frame, kept: NDArray[np.float32], rng: np.random.Generator | None) -> Crop:
        """The crop of a frame; what lies outside of its box is taken out of `kept`."""
        box = frame.box.copy()
        if rng is not None:
            box += self.strength * rng.uniform(-JITTER, JITTER, 4)
        box[2:] = np.maximum(box[2:], box[:2] + 1)
        x0, y0, x1, y1 = box
        columns, rows = np.arange(_WIDTH), np.arange(_HEIGHT)
        kept[(rows < y0) | (rows > y1)] = 0
        kept[:, (columns < x0) | (columns > x1)] = 0
        sides = np.full(2, self.size) / (box[2:] - box[:2])
        if self.framing == "found":
            sides[:] = sides.min()
        turn = np.eye(2)
        if rng is not None:
            angle = self.strength * np.deg2rad(rng.uniform(-ROTATION, ROTATION))
            scale = 1 + self.strength * (rng.uniform(*SCALES) - 1)
            turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        linear = turn * sides
        middle = np.full(2, (self.size - 1) / 2)
        return Crop(np.column_stack([linear, middle - linear @ (box[:2] + box[2:]) / 2]), self.size, self.size)


def frame_of_labels(joints: NDArray[np.float32]) -> Frame:
    """As published: the box of the true joints (15, 3) with a margin, and nothing behind the deepest of them."""
    pixels = pixels_from_world(joints)
    box = np.concatenate([pixels.min(axis=0) - _LABEL_MARGIN, pixels.max(axis=0) + _LABEL_MARGIN])
    return Frame(
        box.clip(0, [_WIDTH - 1, _HEIGHT - 1, _WIDTH - 1, _HEIGHT - 1]), 0.0, float(joints[:, 2].max()) + _LABEL_SPARE
    )


def frame_of_person(depth: NDArray[np.float32]) -> Frame:
    """The square around the person found in a depth map (240, 320), and a little more than their depths."""
    found = find_person(depth, 1 / METRES_PER_PIXEL, CENTER)
    if found is None:
        return Frame(np.array([0.0, 0.0, _WIDTH - 1.0, _HEIGHT - 1.0]), 0.0, np.inf, known=False)
    middle, half = (found.box[:2] + found.box[2:]) / 2, _MARGIN * float((found.box[2:] - found.box[:2]).max()) / 2
    return Frame(np.concatenate([middle - half, middle + half]), found.near - _SPARE, found.far + _SPARE)
