"""Frames of a prepared parsing store with their part labels, for training and for scoring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import Framing, Region, random_region_crop, region_crop, region_of
from hcmoco_bench.data.intrinsics import RigIntrinsics
from hcmoco_bench.data.parsing_index import ParsingIndex
from hcmoco_bench.data.planes import planes
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.data.stored_images import StoredImages
from hcmoco_bench.data.transforms import Crop
from hcmoco_bench.errors import LabelError, StoreError
from hcmoco_bench.modality import Modality

IGNORE: Final = 255
"""Label of pixels that do not count: those outside of the frame."""

_MEAN_RGB: Final = (124, 116, 104)
"""ImageNet's mean, what published training pads RGB with."""

_METRES = np.float32(0.001)


@dataclass(frozen=True)
class ParsingSample:
    """A frame as the network takes it, and its labels.

    Attributes:
        sample_id: The store's id.
        rgb: (3, S, S) uint8; None for depth.
        depth: (1, S, S) float32 meters, 0 = none; None for RGB.
        intrinsics: (4,) float32 fx, fy, cx, cy of the crop's depth pixels; (1, 1, 0, 0) for RGB.
        label: (H, W) uint8 class indices, 255 = does not count. For training of the crop, H = W = S; for scoring of the
            frame in its own resolution.
        region: The part of the label that the crop shows; for training all of it.
    """

    sample_id: str
    rgb: Tensor | None
    depth: Tensor | None
    intrinsics: Tensor
    label: Tensor
    region: Region


@dataclass(frozen=True)
class ParsingBatch:
    """B samples; see `ParsingSample`.

    Attributes:
        sample_ids: B ids.
        rgb: (B, 3, S, S) uint8; None for depth.
        depth: (B, 1, S, S) float32 meters; None for RGB.
        intrinsics: (B, 4) float32.
        labels: B labels, of different sizes where frames are.
        regions: B regions.
    """

    sample_ids: tuple[str, ...]
    rgb: Tensor | None
    depth: Tensor | None
    intrinsics: Tensor
    labels: tuple[Tensor, ...]
    regions: tuple[Region, ...]

    def to(self, device: torch.device | str, *, non_blocking: bool = True) -> ParsingBatch:
        """The batch on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> ParsingBatch:
        """The batch in page-locked memory; `DataLoader` calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def mirrored(self) -> ParsingBatch:
        """The inputs mirrored left to right; labels stay."""
        flipped: dict[str, Any] = {
            name: None if value is None else value.flip(-1) for name, value in self._images().items()
        }
        width = next(value.shape[-1] for value in self._images().values() if value is not None)
        intrinsics = self.intrinsics.clone()
        intrinsics[:, 2] = width - 1 - intrinsics[:, 2]
        return replace(self, intrinsics=intrinsics, **flipped)

    def _images(self) -> dict[str, Tensor | None]:
        return {"rgb": self.rgb, "depth": self.depth}

    def _map(self, change: Callable[[Tensor], Tensor]) -> ParsingBatch:
        images: dict[str, Any] = {name: change(value) for name, value in self._images().items() if value is not None}
        labels = tuple(change(label) for label in self.labels)
        return replace(self, intrinsics=change(self.intrinsics), labels=labels, **images)


def collate_parsing(samples: Iterable[ParsingSample], number: int) -> ParsingBatch:
    """Stack samples of one modality and size; as many as `number`, which is at least 1."""
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
        index: Its rows that are wanted; see `read_parsing_index`.
        shards: Its files.
        modality: The image: rgb or depth.
        size: Side of the input, px.
        framing: How a frame fills it.
        seed: Of the crops.
        train: Random crops and labels of the crop; otherwise the whole frame and labels of the frame.
        intrinsics: Depth cameras of the rigs; None for RGB.
        label_size: Width and height to which the labels for scoring are brought (nearest), as a published protocol
            asks for, which stretches frames; None for their own.
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
    ) -> None:
        self.store, self.index, self.modality, self.size = store, index, modality, size
        self.framing: Framing = framing
        self.seed, self.train, self.label_size = seed, train, label_size
        self._intrinsics = intrinsics
        self._images = StoredImages(store, shards, index.ids, index.places)

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
        region = region_of(self.framing, width, height, image > 0 if self.modality == "depth" else None)
        if self.train:
            rng = draw.generator(self.seed)
            crop = random_region_crop(region, self.size, rng, corner=self.framing == "stretch")
            target = crop.parts(label)
            target[~crop.mask(np.ones((height, width), np.bool_))] = IGNORE
            shown = Region(0, 0, self.size, self.size)
        else:
            crop = region_crop(region, self.size)
            target, shown = self.scored_label(label), region
            if self.label_size is not None:
                shown = Region(0, 0, *self.label_size)
        intrinsics = None
        if self._intrinsics is not None:
            intrinsics = crop.intrinsics(*self._intrinsics.of(str(self.index.rigs[row])))
        numbers = np.array([1.0, 1.0, 0.0, 0.0]) if intrinsics is None else intrinsics
        return ParsingSample(
            sample_id=str(self.index.ids[row]),
            rgb=planes(_rgb_crop(crop, image)) if self.modality == "rgb" else None,
            depth=torch.from_numpy(crop.depth(image) * _METRES).unsqueeze(0) if self.modality == "depth" else None,
            intrinsics=torch.from_numpy(numbers.astype(np.float32)),
            label=torch.from_numpy(target),
            region=shown,
        )

    def label(self, row: int) -> NDArray[np.uint8]:
        """(H, W) class indices of a row, as stored.

        Raises:
            LabelError: If an index is not in the part table (`label_unknown`).
        """
        label = self._read(row, "parts")
        if label.ndim != 2 or label.dtype != np.uint8 or int(label.max(initial=0)) >= len(part_table()):
            raise LabelError(
                f"sample {self.index.ids[row]}: its labels are no class indices 0..{len(part_table()) - 1}; run verify "
                f"on {self.store}",
                kind="label_unknown",
                file=str(self.store),
            )
        return label

    def scored_label(self, label: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A label as it is scored: in its own size, or brought to `label_size`, each px that of the nearest."""
        if self.label_size is None:
            return label
        return np.asarray(cv2.resize(label, self.label_size, interpolation=cv2.INTER_NEAREST), np.uint8)

    def _image(self, row: int) -> NDArray[Any]:
        return self._read(row, self.modality)

    def _read(self, row: int, column: str) -> NDArray[Any]:
        image = self._images.read(row, column)
        if image is None:  # the index holds rows that have it
            raise StoreError(f"sample {self.index.ids[row]}: no {column}; run verify on {self.store}")
        return image


def _rgb_crop(crop: Crop, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The crop of RGB: averaged first where it is much smaller, gray outside of the frame."""
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
