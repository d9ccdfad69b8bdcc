"""ITOP for training and scoring: a crop of the depth map around the person, with the joints in the crop."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.data.person_finder import find_person
from hcmoco_bench.data.published_itop_crop import published_itop_crop
from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.sources.itop import DEPTH_SIZE, METRES_PER_PIXEL, ItopSplit, pixels_from_world
from hcmoco_bench.sources.itop.layout import BOX_MARGIN, CENTER

Framing = Literal["found", "found_true_depth", "labels"]
"""How to locate the person: `found` in the depth map alone; or by the `labels`, as published: what is more than 5 cm
behind the deepest true joint is removed, and without boxes from elsewhere, the box is that of the true joints. With
`found_true_depth`, the box is found, and the labels give the largest depth alone."""

Warp = Literal["nearest", "published"]
"""How training crops are cut: `nearest` warps the depth map once and takes nearest pixels; `published` resizes first
and then warps bilinearly, by whole pixels and degrees (`published_itop_crop`)."""

DEPTH_FACTOR: Final = 50.0
"""Units of the depth target per meter, as published; they make depth about as important as px."""

JITTER: Final = 10.0
"""Largest random shift of each edge of the box in training, px."""

ROTATION: Final = 15.0
"""Largest random rotation in training, degrees."""

SCALES: Final = (0.5, 1.5)
"""Smallest and largest random scale in training."""

_MARGIN: Final = 1.15
"""Side of the square over the longer side of the box around the person that was found."""

_DEPTH_MARGIN: Final = 0.1
"""Depth kept in front of and behind the person that was found, meters."""

_LABEL_DEPTH_MARGIN: Final = 0.05
"""Depth kept behind the deepest true joint in meters, as published."""

_MILLIMETERS_PER_METER: Final = 1000.0
_WIDTH, _HEIGHT = DEPTH_SIZE
_WHOLE = np.array([0.0, 0.0, _WIDTH - 1.0, _HEIGHT - 1.0])


@dataclass(frozen=True)
class PersonBounds:
    """The part of a depth map that shows the person.

    Attributes:
        box: (4,) float64 px x0, y0, x1, y1 of the part that becomes the crop.
        near: Smallest depth that is kept, meters.
        far: Largest depth that is kept, meters.
        known: False if nobody was found, or there is no box; the box is then the whole depth map.
    """

    box: NDArray[np.float64]
    near: float
    far: float
    known: bool = True


@dataclass(frozen=True)
class JointSample:
    """A crop with its joints.

    Attributes:
        sample_id: Id of the frame.
        depth: (1, S, S) float32 meters, 0 = missing or outside the person's bounds.
        mean: () float32 mean of the depth that is kept, meters; 0 if none is.
        target: (J, 3) float32, px (x, y) of the crop, and `DEPTH_FACTOR` times the meters from the mean depth.
        world: (J, 3) float32 true joints, meters.
        to_image: (2, 3) float32, maps px (x, y, 1) of the crop to px of the depth map.
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

    def to_world(self, xy: Tensor, depths: Tensor) -> Tensor:
        """Joints in world coordinates.

        Args:
            xy: (B, J, 2) px (x, y) of the crop.
            depths: (B, J) depths in the unit of the target.

        Returns:
            (B, J, 3) meters.
        """
        z = depths / DEPTH_FACTOR + self.mean[:, None]
        xy = xy @ self.to_image[:, :, :2].mT + self.to_image[:, None, :, 2]
        x = (xy[..., 0] - CENTER[0]) * z * METRES_PER_PIXEL
        y = (CENTER[1] - xy[..., 1]) * z * METRES_PER_PIXEL
        return torch.stack([x, y, z], dim=-1)


_TENSORS = tuple(field.name for field in fields(JointBatch) if field.name != "sample_ids")


def collate_joints(samples: Iterable[JointSample], size: int | None = None) -> JointBatch:
    """Stack samples of one crop size; raises ValueError if there are none."""
    given = list(samples)
    if not given:
        raise ValueError("a batch needs at least one sample")
    stacked = {name: torch.stack([getattr(sample, name) for sample in given]) for name in _TENSORS}
    return JointBatch(tuple(sample.sample_id for sample in given), **stacked)


class ItopCrops(Dataset[JointSample]):
    """Crops of a split of ITOP.

    Depth maps are read on access. As published, training shifts the edges of the box by up to 10 px, rotates the crop
    by up to 15 degrees and scales it by 0.5 to 1.5; depth values do not change.

    Args:
        source: The split.
        framing: `found` takes a square around the person found in the depth map, and `found_true_depth` removes
            everything behind the deepest joint from it; `labels` stretches the box of the true joints to the crop and
            removes the same.
        size: Side of the crop in px.
        train: Draw random crops; otherwise every crop is deterministic.
        strength: Strength of the random changes as a fraction of the published one.
        warp: How training crops are cut.
        seed: Seed of the random crops.
        boxes: (N, 4) px x0, y0, x1, y1 of the person in each frame, as a detector found it; nan where there is none,
            and the whole depth map is used. Goes with `labels`; None takes the box of the true joints.
    """

    def __init__(
        self,
        source: ItopSplit,
        *,
        framing: Framing,
        size: int,
        train: bool,
        strength: float = 1.0,
        warp: Warp = "nearest",
        seed: int = 0,
        boxes: NDArray[np.float64] | None = None,
    ) -> None:
        if boxes is not None and (framing != "labels" or len(boxes) != len(source)):
            raise ValueError(f"{len(boxes)} boxes for {len(source)} frames and framing {framing}")
        self.source, self.framing, self.size, self.train, self.seed = source, framing, size, train, seed
        self.strength, self.warp, self.boxes = strength, warp, boxes
        self._bounds: dict[int, PersonBounds] = {}

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, key: DrawLike) -> JointSample:
        draw = as_draw(key, 0)
        if not 0 <= draw.row < len(self):
            raise IndexError(f"row {draw.row} is outside the {len(self)} rows of {self.source.depth_file}")
        depth = self.source.depth(draw.row)
        bounds = self.bounds(draw.row, depth)
        kept = np.where((depth >= bounds.near) & (depth <= bounds.far), depth, np.float32(0))
        if self.train and self.warp == "published":
            meters, crop = self._published_crop(bounds, kept, draw.generator(self.seed))
        else:
            crop = self._crop(bounds, kept, draw.generator(self.seed) if self.train else None)
            millimeters = np.round(kept * _MILLIMETERS_PER_METER).astype(np.uint16)
            meters = crop.depth(millimeters).astype(np.float32) / _MILLIMETERS_PER_METER
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
            known=torch.tensor(bounds.known),
        )

    def bounds(self, row: int, depth: NDArray[np.float32] | None = None) -> PersonBounds:
        """The bounds of the person of a row, located once per process and cached.

        Args:
            row: Row of the data set.
            depth: Depth map of the row if it was read already.
        """
        if row not in self._bounds:
            joints = self.source.joints[row]
            if self.framing == "labels":
                found = bounds_of_labels(joints, None if self.boxes is None else self.boxes[row])
            else:
                found = bounds_of_person(self.source.depth(row) if depth is None else depth)
                if self.framing == "found_true_depth":
                    found = replace(found, far=_behind(joints))
            self._bounds[row] = found
        return self._bounds[row]

    def _published_crop(
        self, bounds: PersonBounds, kept: NDArray[np.float32], rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], Crop]:
        lowest, highest = SCALES
        return published_itop_crop(
            kept,
            bounds.box,
            self.size,
            rng,
            jitter=self.strength * JITTER,
            rotation=self.strength * ROTATION,
            scales=(1 + self.strength * (lowest - 1), 1 + self.strength * (highest - 1)),
        )

    def _crop(self, bounds: PersonBounds, kept: NDArray[np.float32], rng: np.random.Generator | None) -> Crop:
        """The crop of the bounds; sets everything in `kept` outside their box to 0."""
        box = bounds.box.copy()
        if rng is not None:
            box += self.strength * rng.uniform(-JITTER, JITTER, 4)
        box[2:] = np.maximum(box[2:], box[:2] + 1)
        x0, y0, x1, y1 = box
        columns, rows = np.arange(_WIDTH), np.arange(_HEIGHT)
        kept[(rows < y0) | (rows > y1)] = 0
        kept[:, (columns < x0) | (columns > x1)] = 0
        sides = np.full(2, self.size) / (box[2:] - box[:2])
        if self.framing != "labels":
            sides[:] = sides.min()
        turn = np.eye(2)
        if rng is not None:
            angle = self.strength * np.deg2rad(rng.uniform(-ROTATION, ROTATION))
            scale = 1 + self.strength * (rng.uniform(*SCALES) - 1)
            turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        linear = turn * sides
        center = np.full(2, (self.size - 1) / 2)
        return Crop(np.column_stack([linear, center - linear @ (box[:2] + box[2:]) / 2]), self.size, self.size)


def bounds_of_labels(joints: NDArray[np.float32], box: NDArray[np.float64] | None = None) -> PersonBounds:
    """The published bounds: a box, up to just behind the deepest true joint.

    Args:
        joints: (15, 3) true joints, meters.
        box: (4,) px x0, y0, x1, y1 of the person, nan if there is none; None for the box of the true joints with a
            margin.
    """
    far = _behind(joints)
    if box is None:
        pixels = pixels_from_world(joints)
        box = np.concatenate([pixels.min(axis=0) - BOX_MARGIN, pixels.max(axis=0) + BOX_MARGIN])
    if np.isnan(box).any():
        return PersonBounds(_WHOLE.copy(), 0.0, far, known=False)
    return PersonBounds(box.clip(0, _WHOLE[[2, 3, 2, 3]]), 0.0, far)


def _behind(joints: NDArray[np.float32]) -> float:
    """The depth just behind the deepest joint, meters."""
    return float(joints[:, 2].max()) + _LABEL_DEPTH_MARGIN


def bounds_of_person(depth: NDArray[np.float32]) -> PersonBounds:
    """The square around the person found in a depth map (240, 320) and the person's depths with a margin."""
    found = find_person(depth, 1 / METRES_PER_PIXEL, CENTER)
    if found is None:
        return PersonBounds(_WHOLE.copy(), 0.0, np.inf, known=False)
    center, half = (found.box[:2] + found.box[2:]) / 2, _MARGIN * float((found.box[2:] - found.box[:2]).max()) / 2
    box = np.concatenate([center - half, center + half])
    return PersonBounds(box, found.near - _DEPTH_MARGIN, found.far + _DEPTH_MARGIN)
