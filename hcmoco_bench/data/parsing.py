"""Frames of a prepared parsing store with their part labels, for training and scoring."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import Framing, Region, random_region_crop, region_crop, region_of
from hcmoco_bench.data.image_reader import ImageReader
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.parsing_index import ParsingIndex
from hcmoco_bench.data.published_parsing_crop import published_parsing_crop
from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.errors import LabelError, StoreError
from hcmoco_bench.modality import Modality

IGNORE: Final = 255
"""Label of pixels that neither the loss nor the metrics count: those outside the frame."""

_MEAN_RGB: Final = (124, 116, 104)
"""Mean color of ImageNet, which fills crops of RGB outside the frame: 0 once it is normalized. The published training
fills them with black."""

_METERS_PER_MILLIMETER = np.float32(0.001)

Resizing: TypeAlias = Literal["centered", "opencv"]
"""How a frame is brought to the size of the input.

`centered` keeps the centers of pixels in place and averages RGB that becomes smaller. `opencv` is `cv2.resize`, as
published: depth takes the pixel at the rounded-down position, and RGB is interpolated bilinearly without averaging; in
training as in `published_parsing_crop`.
"""

LabelResizing: TypeAlias = Literal["nearest", "indices"]
"""How labels are brought to another size for scoring.

`nearest` takes the nearest pixel. `indices` interpolates class indices as if they were quantities
(`cv2.INTER_LINEAR_EXACT` on int32), as published for RGB: an error, since the classes between two neighbors appear on
the border between them.
"""


@dataclass(frozen=True)
class ParsingSample:
    """The network's input for a frame, and the labels.

    Attributes:
        sample_id: Id of the sample in the store.
        rgb: (3, S, S) uint8; None if the modality is depth.
        depth: (1, S, S) float32 meters, 0 = missing; None if the modality is RGB.
        intrinsics: (4,) float32 fx, fy, cx, cy in px of the crop; (1, 1, 0, 0) if the modality is RGB.
        label: (H, W) uint8 class indices, 255 = ignored. In training these are the labels of the crop, H = W = S; in
            scoring, those of the frame in its own resolution.
        region: The part of the label that the crop shows; in training all of it.
    """

    sample_id: str
    rgb: Tensor | None
    depth: Tensor | None
    intrinsics: Tensor
    label: Tensor
    region: Region


@dataclass(frozen=True, eq=False)
class ParsingBatch(BatchRecord):
    """B samples; see `ParsingSample` for conventions.

    Attributes:
        sample_ids: Ids of the B samples.
        rgb: (B, 3, S, S) uint8; None if the modality is depth.
        depth: (B, 1, S, S) float32 meters; None if the modality is RGB.
        intrinsics: (B, 4) float32 fx, fy, cx, cy px.
        labels: B labels, which differ in size where the frames do.
        regions: B regions.
    """

    rgb: Tensor | None
    depth: Tensor | None
    intrinsics: Tensor
    labels: tuple[Tensor, ...]
    regions: tuple[Region, ...]

    @property
    def input_size(self) -> tuple[int, int]:
        """Height and width of the input, px."""
        height, width = next(image.shape[-2:] for image in (self.rgb, self.depth) if image is not None)
        return height, width

    def mirrored(self) -> ParsingBatch:
        """This batch with its inputs mirrored left to right; the labels stay as they are."""
        rgb, depth = (None if image is None else image.flip(-1) for image in (self.rgb, self.depth))
        intrinsics = self.intrinsics.clone()
        intrinsics[:, 2] = self.input_size[1] - 1 - intrinsics[:, 2]
        return replace(self, intrinsics=intrinsics, rgb=rgb, depth=depth)


def collate_parsing(samples: Iterable[ParsingSample], number: int) -> ParsingBatch:
    """Stack `number` >= 1 samples of one modality and input size."""
    given = list(samples)
    rgb = [sample.rgb for sample in given if sample.rgb is not None]
    depth = [sample.depth for sample in given if sample.depth is not None]
    return ParsingBatch(
        sample_ids=tuple(sample.sample_id for sample in given),
        rgb=torch.stack(rgb) if rgb else None,
        depth=torch.stack(depth) if depth else None,
        intrinsics=torch.stack([sample.intrinsics for sample in given]),
        labels=tuple(sample.label for sample in given),
        regions=tuple(sample.region for sample in given),
    )


class ParsingDataset(Dataset[ParsingSample]):
    """The frames of a split that have the image and the labels.

    Args:
        store: Folder of the store.
        index: Rows to use; see `read_parsing_index`.
        shards: Shards of the store.
        modality: The input image, `rgb` or `depth`.
        size: Side of the input in px.
        framing: How a frame fills the input.
        seed: Seed of the random crops.
        train: Draw random crops and give the labels of the crop; otherwise give the whole frame and its labels.
        intrinsics: Depth cameras of the rigs; None if the modality is RGB.
        label_size: Width and height in px to which the labels are resized for scoring, for the published protocol,
            which stretches frames; None keeps their own size.
        label_resizing: How the labels are resized to `label_size`.
        resizing: How a frame is brought to the size of the input; `opencv` goes with `stretch`.
        regions: The region of each row that fills the input, in place of `framing`; None for `framing`.
    """

    def __init__(
        self,
        store: Path,
        index: ParsingIndex,
        shards: tuple[Path, ...],
        *,
        modality: Modality,
        size: int,
        framing: Framing,
        seed: int = 0,
        train: bool = True,
        intrinsics: RigIntrinsics | None = None,
        label_size: tuple[int, int] | None = None,
        label_resizing: LabelResizing = "nearest",
        resizing: Resizing = "centered",
        regions: Sequence[Region] | None = None,
    ) -> None:
        self.store, self.index, self.modality, self.size = store, index, modality, size
        self.framing: Framing = framing
        self.seed, self.train = seed, train
        self.label_size, self.label_resizing, self.resizing = label_size, label_resizing, resizing
        self._intrinsics = intrinsics
        self._regions = regions
        self._images = ImageReader(store, shards, index.ids, index.locations)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, key: DrawLike) -> ParsingSample:
        draw = as_draw(key, 0)
        row = draw.row
        image = self._image(row)
        label = self.label(row)
        height, width = label.shape
        if image.shape[:2] != label.shape:
            raise StoreError(
                f"sample {self.index.ids[row]}: {self.modality} has {image.shape[1]}x{image.shape[0]} px, its "
                f"labels have {width}x{height}; run verify on {self.store}"
            )
        region = self._region(row, image)
        shown = Region(0, 0, self.size, self.size)
        resized: NDArray[Any] | None = None
        if self.train and self.resizing == "opencv":
            rng = draw.generator(self.seed)
            resized, target, crop = published_parsing_crop(image, label, self.size, rng, ignore=IGNORE)
        elif self.train:
            rng = draw.generator(self.seed)
            crop = random_region_crop(region, self.size, rng, corner=self.framing == "stretch")
            target = crop.parts(label)
            target[~crop.mask(np.ones((height, width), np.bool_))] = IGNORE
        else:
            crop = region_crop(region, self.size)
            target, shown = self.scored_label(label), region
            if self.label_size is not None:
                shown = Region(0, 0, *self.label_size)
        if resized is None:
            resized = self._input(crop, image)
        intrinsics = None
        if self._intrinsics is not None:
            intrinsics = crop.intrinsics(*self._intrinsics.of(str(self.index.rigs[row])))
        numbers = np.array([1.0, 1.0, 0.0, 0.0]) if intrinsics is None else intrinsics
        return ParsingSample(
            sample_id=str(self.index.ids[row]),
            rgb=image_tensor(resized) if self.modality == "rgb" else None,
            depth=torch.from_numpy(resized * _METERS_PER_MILLIMETER).unsqueeze(0) if self.modality == "depth" else None,
            intrinsics=torch.from_numpy(numbers.astype(np.float32)),
            label=torch.from_numpy(target),
            region=shown,
        )

    def _region(self, row: int, image: NDArray[Any]) -> Region:
        if self._regions is not None:
            return self._regions[row]
        height, width = image.shape[:2]
        return region_of(self.framing, width, height, image > 0 if self.modality == "depth" else None)

    def label(self, row: int) -> NDArray[np.uint8]:
        """(H, W) class indices of a row, as stored.

        Raises:
            LabelError: If an index is not in the part table (`label_unknown`).
        """
        label = self._read(row, "parts")
        if label.ndim != 2 or label.dtype != np.uint8 or int(label.max(initial=0)) >= len(part_table()):
            raise LabelError(
                f"sample {self.index.ids[row]}: its labels are not class indices 0..{len(part_table()) - 1}; run "
                f"verify on {self.store}",
                kind="label_unknown",
                file=str(self.store),
            )
        return label

    def scored_label(self, label: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The label used for scoring: the label itself, or resized to `label_size`."""
        return label if self.label_size is None else resize_labels(label, self.label_size, self.label_resizing)

    def _input(self, crop: Crop, image: NDArray[Any]) -> NDArray[Any]:
        """The image at the size of the network's input, in its own type."""
        depth = self.modality == "depth"
        if self.resizing == "opencv" and not self.train:
            interpolation = cv2.INTER_NEAREST if depth else cv2.INTER_LINEAR
            return np.asarray(cv2.resize(image, (self.size, self.size), interpolation=interpolation))
        return crop.depth(image) if depth else _rgb_crop(crop, image)

    def _image(self, row: int) -> NDArray[Any]:
        return self._read(row, self.modality)

    def _read(self, row: int, column: str) -> NDArray[Any]:
        image = self._images.read(row, column)
        if image is None:  # the index lists only rows that have it
            raise StoreError(f"sample {self.index.ids[row]}: no {column}; run verify on {self.store}")
        return image


def resize_labels(
    label: NDArray[np.uint8], size: tuple[int, int], resizing: LabelResizing = "nearest"
) -> NDArray[np.uint8]:
    """Class indices (H, W) at another size (width, height), px."""
    if resizing == "nearest":
        return np.asarray(cv2.resize(label, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    # On uint8, OpenCV rounds otherwise: 0.15 % of the pixels differ from the published ones.
    return np.asarray(cv2.resize(label.astype(np.int32), size, interpolation=cv2.INTER_LINEAR_EXACT), np.uint8)


def _rgb_crop(crop: Crop, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The crop of an RGB image: averaged first if it is much smaller, filled with the mean color outside the frame."""
    inside = crop.mask(np.ones(image.shape[:2], np.bool_))
    factor = int(1 / crop.scale) if crop.scale < 1 else 1
    if factor > 1:
        height, width = image.shape[0] // factor, image.shape[1] // factor
        image = np.asarray(
            cv2.resize(image[: height * factor, : width * factor], (width, height), interpolation=cv2.INTER_AREA),
            np.uint8,
        )
        crop = crop.of_reduced(factor)
    result = crop.rgb(image)
    result[~inside] = _MEAN_RGB
    return result
