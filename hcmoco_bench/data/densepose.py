"""Images with all their people, for training and scoring DensePose."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from hcmoco_bench.body.densepose_parts import densepose_parts
from hcmoco_bench.data.planes import planes
from hcmoco_bench.data.sample import DrawLike, as_draw
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.images import ImageError, decode_rgb
from hcmoco_bench.sources.densepose.annotations import DensePoseImage, DensePosePerson
from hcmoco_bench.sources.densepose.symmetry import ChartSymmetry

LONGEST: Final = 1333 / 800
"""Largest longer side over the shorter side that is asked for; both as published."""

TRAINING_SIDES: Final = (0.8, 0.84, 0.88, 0.92, 0.96, 1.0)
"""Shorter sides in training, over the one in use: 640 to 800 px in steps of 32."""

_SMALLEST_BOX = 1.0


@dataclass(frozen=True, eq=False)
class DensePosePeople:
    """The people of one image, P of them, with K points in all; px are of the image as the network sees it.

    Attributes:
        boxes: (P, 4) float32 x0, y0, x1, y1 px within the image.
        extents: (P, 4) float32 the boxes as annotated; they may leave the image. Segmentations cover them.
        annotated: (P,) bool, who has points and a segmentation.
        segmentations: (A, 256, 256) uint8 coarse parts of those people, in their order.
        owner: (K,) int64 person of each point.
        xy: (K, 2) float32 px.
        part: (K,) int64 chart 1..24.
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

    def to(self, device: torch.device | str) -> DensePosePeople:
        """The same on a device."""
        return DensePosePeople(**{name: value.to(device) for name, value in vars(self).items()})


@dataclass(frozen=True, eq=False)
class DensePoseSample:
    """An image.

    Attributes:
        sample_id: COCO's number of the image.
        rgb: (3, H, W) uint8.
        scale: Its width and height over those of the file.
        people: Who is in it.
    """

    sample_id: str
    rgb: Tensor
    scale: tuple[float, float]
    people: DensePosePeople


@dataclass(frozen=True, eq=False)
class DensePoseBatch:
    """B images, each at the upper left of its plane.

    Attributes:
        sample_ids: Their numbers.
        rgb: (B, 3, H, W) uint8, 0 beyond an image.
        sizes: Height and width of each.
        scales: Width and height over those of the file.
        people: Of each.
    """

    sample_ids: tuple[str, ...]
    rgb: Tensor
    sizes: tuple[tuple[int, int], ...]
    scales: tuple[tuple[float, float], ...]
    people: tuple[DensePosePeople, ...]

    def to(self, device: torch.device | str) -> DensePoseBatch:
        """The same on a device."""
        return replace(self, rgb=self.rgb.to(device), people=tuple(people.to(device) for people in self.people))

    def pin_memory(self) -> DensePoseBatch:
        """The images in page-locked memory; `DataLoader` calls this."""
        return replace(self, rgb=self.rgb.pin_memory())


class DensePoseImages(Dataset[DensePoseSample]):
    """Images resized to a shorter side.

    Args:
        images: What is annotated.
        side: The shorter side in px, unless the longer would exceed `LONGEST` times it.
        train: Draw the shorter side from `TRAINING_SIDES`, and mirror; otherwise as it is.
        symmetry: What mirroring makes of points; None: never mirror.
        flip: Probability of mirroring.
        seed: Of the draws.
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
            DataError: If its file is missing or damaged (`image_unreadable`), or of another size than annotated
                (`image_wrong_size`).
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
        people = place_people(image.people, scale, (width, height), self.symmetry if mirrored else None)
        return DensePoseSample(str(image.id), planes(np.asarray(rgb, np.uint8)), scale, people)


def read_image(image: DensePoseImage) -> NDArray[np.uint8]:
    """The file's (H, W, 3) uint8 RGB; raises DataError as `DensePoseImages` does."""
    try:
        rgb = decode_rgb(np.fromfile(image.path, np.uint8))
    except OSError as error:
        raise _unreadable(image, str(error.strerror)) from error
    except ImageError as error:
        raise _unreadable(image, "it is damaged") from error
    if rgb.shape[1::-1] != image.size:
        raise DataError(
            f"{image.path}: {rgb.shape[1]}x{rgb.shape[0]} px, but annotated as {image.size[0]}x{image.size[1]}; "
            "fetch COCO's own file",
            kind="image_wrong_size",
            file=str(image.path),
        )
    return rgb


def place_people(
    people: Sequence[DensePosePerson],
    scale: tuple[float, float],
    size: tuple[int, int],
    symmetry: ChartSymmetry | None = None,
) -> DensePosePeople:
    """The people of an image in the px of its resized, perhaps mirrored form.

    Crowds are left out, and people whose box is not in the image.

    Args:
        people: As annotated.
        scale: Width and height of the resized image over the file's.
        size: Width and height of the resized image, px.
        symmetry: Mirror with these charts; None: do not mirror.
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
    """Put images of any sizes on planes of the largest height and width.

    Args:
        samples: So many images.
        size: Their number, at least 1.
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
