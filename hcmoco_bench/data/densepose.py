"""Images with all people in them, for training and scoring DensePose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.data.image_tensor import image_tensor
from hcmoco_bench.data.record import BatchRecord, TensorRecord
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import decode_rgb
from hcmoco_bench.sources.densepose.annotations import DensePoseImage, DensePosePerson
from hcmoco_bench.sources.densepose.symmetry import ChartSymmetry

LONGEST: Final = 1333 / 800
"""Largest longer side over the requested shorter side, as published (1333 and 800 px)."""

TRAINING_SIDES: Final = (0.8, 0.84, 0.88, 0.92, 0.96, 1.0)
"""Shorter sides in training over the requested one; for 800 px these are 640 to 800 px in steps of 32."""

_SMALLEST_BOX = 1.0


@dataclass(frozen=True, eq=False)
class DensePosePeople(TensorRecord):
    """The P people of one image with K annotated points in total; px are those of the network's input.

    Attributes:
        boxes: (P, 4) float32 x0, y0, x1, y1 px, clipped to the image.
        extents: (P, 4) float32 boxes as annotated, which may extend beyond the image; segmentations cover these boxes.
        annotated: (P,) bool, whether a person has points and a segmentation.
        segmentations: (A, 256, 256) uint8 coarse parts of the A annotated people, in order.
        owner: (K,) int64 index of the person of each point.
        xy: (K, 2) float32 px.
        part: (K,) int64 chart index 1..24.
        uv: (K, 2) float32 U, V in 0..1.
    """

    boxes: Tensor
    extents: Tensor
    annotated: Tensor
    segmentations: Tensor
    owner: Tensor
    xy: Tensor
    part: Tensor
    uv: Tensor


@dataclass(frozen=True, eq=False)
class DensePoseSample:
    """An image with the people in it.

    Attributes:
        sample_id: COCO's id of the image.
        rgb: (3, H, W) uint8.
        scale: Width and height of the image over those of its file.
        people: The people in the image.
    """

    sample_id: str
    rgb: Tensor
    scale: tuple[float, float]
    people: DensePosePeople


@dataclass(frozen=True, eq=False)
class DensePoseBatch(BatchRecord):
    """B images padded at the right and bottom to one size.

    Attributes:
        sample_ids: COCO's ids of the images.
        rgb: (B, 3, H, W) uint8, 0 in the padding.
        sizes: Height and width of each image in px, without padding.
        scales: Width and height of each image over those of its file.
        people: The people in each image.
    """

    rgb: Tensor
    sizes: tuple[tuple[int, int], ...]
    scales: tuple[tuple[float, float], ...]
    people: tuple[DensePosePeople, ...]


class DensePoseImages(Dataset[DensePoseSample]):
    """Images resized by their shorter side.

    Args:
        images: The images with their annotations.
        side: The shorter side in px; smaller if the longer side would exceed `LONGEST` times this.
        train: Draw the shorter side from `TRAINING_SIDES` and mirror at random; otherwise neither.
        symmetry: Symmetry that maps points to the mirrored body; None never mirrors.
        flip: Probability of mirroring.
        seed: Seed of the random changes.
    """

    def __init__(
        self,
        images: Sequence[DensePoseImage],
        side: int,
        *,
        train: bool,
        symmetry: ChartSymmetry | None = None,
        flip: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.images, self.side, self.train = tuple(images), side, train
        self.symmetry, self.flip, self.seed = symmetry, flip, seed

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, key: DrawLike) -> DensePoseSample:
        """The image of a draw.

        Raises:
            DataError: If its file is missing or damaged (`image_unreadable`), or if its size differs from the annotated
                one (`image_wrong_size`).
        """
        draw = as_draw(key, 0)
        image = self.images[draw.row]
        side, mirrored = float(self.side), False
        if self.train:
            rng = draw.generator(self.seed)
            side *= float(rng.choice(TRAINING_SIDES))
            mirrored = bool(rng.random() < self.flip) and self.symmetry is not None
        rgb = read_image(image)
        width, height = _resized(image.size, side, self.side * LONGEST)
        shrink = width < image.size[0]
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
        if mirrored:
            rgb = np.ascontiguousarray(rgb[:, ::-1])
        scale = (width / image.size[0], height / image.size[1])
        people = transform_people(image.people, scale, (width, height), self.symmetry if mirrored else None)
        return DensePoseSample(str(image.id), image_tensor(np.asarray(rgb, np.uint8)), scale, people)


def read_image(image: DensePoseImage) -> NDArray[np.uint8]:
    """The (H, W, 3) uint8 RGB of an image's file; raises DataError as `DensePoseImages` does."""
    try:
        rgb = decode_rgb(np.fromfile(image.path, np.uint8))
    except OSError as error:
        raise _unreadable(image, str(error.strerror)) from error
    except ImageError as error:
        raise _unreadable(image, str(error)) from error
    if rgb.shape[1::-1] != image.size:
        raise DataError(
            f"{image.path}: {rgb.shape[1]}x{rgb.shape[0]} px, but annotated as {image.size[0]}x{image.size[1]}; "
            "fetch COCO's own file",
            kind="image_wrong_size",
            file=str(image.path),
        )
    return rgb


def transform_people(
    people: Sequence[DensePosePerson],
    scale: tuple[float, float],
    size: tuple[int, int],
    symmetry: ChartSymmetry | None = None,
) -> DensePosePeople:
    """Transform the annotations of an image to px of the resized and possibly mirrored image.

    Crowds and people whose box lies outside the image are left out.

    Args:
        people: The people as annotated.
        scale: Width and height of the resized image over those of the file.
        size: Width and height of the resized image in px.
        symmetry: Mirror the annotations with this symmetry; None does not mirror.
    """
    factor = np.array(scale * 2, np.float32)
    boxes: list[NDArray[np.float32]] = []
    extents: list[NDArray[np.float32]] = []
    annotated: list[bool] = []
    segmentations: list[NDArray[np.uint8]] = []
    points: list[tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.uint8], NDArray[np.float32]]] = []
    for person in people:
        extent = person.box * factor
        xy = None
        if person.surface is not None:
            xy = extent[:2] + person.surface.xy * (extent[2:] - extent[:2])
        if symmetry is not None:
            extent = np.array([size[0] - extent[2], extent[1], size[0] - extent[0], extent[3]], np.float32)
        box = np.clip(extent, 0, np.array(size * 2, np.float32))
        if person.crowd or (box[2:] - box[:2]).min() < _SMALLEST_BOX:
            continue
        if person.surface is not None and xy is not None:
            segmentation, part, uv = person.surface.coarse(), person.surface.part, person.surface.uv
            if symmetry is not None:
                xy = np.array([size[0], 0], np.float32) + xy * np.array([-1, 1], np.float32)
                part, uv = symmetry.mirror(part, uv)
                segmentation = densepose_parts().coarse_flip[segmentation[:, ::-1]]
            segmentations.append(segmentation)
            points.append((np.full(len(part), len(boxes)), xy.astype(np.float32), part, uv))
        boxes.append(box)
        extents.append(extent)
        annotated.append(person.surface is not None)
    owner, xys, parts, uvs = ([columns[axis] for columns in points] for axis in range(4))
    return DensePosePeople(
        boxes=_stacked(boxes, (0, 4), torch.float32),
        extents=_stacked(extents, (0, 4), torch.float32),
        annotated=torch.tensor(annotated, dtype=torch.bool),
        segmentations=_stacked(segmentations, (0, 256, 256), torch.uint8),
        owner=_joined(owner, (0,), torch.int64),
        xy=_joined(xys, (0, 2), torch.float32),
        part=_joined(parts, (0,), torch.int64),
        uv=_joined(uvs, (0, 2), torch.float32),
    )


def collate_densepose(samples: Iterable[DensePoseSample], size: int) -> DensePoseBatch:
    """Stack images of any sizes, padded to the largest height and width.

    Args:
        samples: The images.
        size: Number of images, at least 1.
    """
    given = list(samples)
    height, width = (max(sample.rgb.shape[axis] for sample in given) for axis in (1, 2))
    rgb = torch.zeros(size, 3, height, width, dtype=torch.uint8)
    for row, sample in enumerate(given):
        rgb[row, :, : sample.rgb.shape[1], : sample.rgb.shape[2]] = sample.rgb
    return DensePoseBatch(
        sample_ids=tuple(sample.sample_id for sample in given),
        rgb=rgb,
        sizes=tuple((int(sample.rgb.shape[1]), int(sample.rgb.shape[2])) for sample in given),
        scales=tuple(sample.scale for sample in given),
        people=tuple(sample.people for sample in given),
    )


def _resized(size: tuple[int, int], side: float, longest: float) -> tuple[int, int]:
    factor = min(side / min(size), longest / max(size))
    return max(round(size[0] * factor), 1), max(round(size[1] * factor), 1)


def _stacked(rows: Sequence[NDArray[np.generic]], empty: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.stack(rows)).to(dtype) if rows else torch.zeros(empty, dtype=dtype)


def _joined(rows: Sequence[NDArray[np.generic]], empty: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return torch.from_numpy(np.concatenate(rows)).to(dtype) if rows else torch.zeros(empty, dtype=dtype)


def _unreadable(image: DensePoseImage, why: str) -> DataError:
    return DataError(
        f"{image.path}: cannot be read ({why}); fetch it again", kind="image_unreadable", file=str(image.path)
    )
