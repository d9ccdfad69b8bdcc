"""Samples stacked into a batch, with the missing modalities marked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import Sample


@dataclass(frozen=True, eq=False)
class Batch(BatchRecord):
    """B samples. Where a modality is missing its tensor is zero and its mark is False; see `Sample` for conventions.

    Attributes:
        sample_ids: B ids.
        sources: B names of data sets.
        index: (B,) int64 row in the data set or mixture.
        rgb: (B, 3, H, W) uint8; `normalize_rgb` makes what encoders take, on the device that trains.
        depth: (B, 1, H, W) float32 meters, 0 = none.
        foreground: (B, H, W) bool.
        parts: (B, H, W) uint8 class indices.
        joints: (B, J, 2) float32 px (x, y) of the crop.
        visible: (B, J) bool.
        intrinsics: (B, 4) float32 fx, fy, cx, cy; (1, 1, 0, 0) where there are none, so that nothing divides by zero.
        has_rgb: (B,) bool.
        has_depth: (B,) bool.
        has_foreground: (B,) bool.
        has_parts: (B,) bool.
    """

    sources: tuple[str, ...]
    index: Tensor
    rgb: Tensor
    depth: Tensor
    foreground: Tensor
    parts: Tensor
    joints: Tensor
    visible: Tensor
    intrinsics: Tensor
    has_rgb: Tensor
    has_depth: Tensor
    has_foreground: Tensor
    has_parts: Tensor

    @property
    def has_keypoints(self) -> Tensor:
        """(B,) bool: at least one joint is visible."""
        return self.visible.any(dim=1)


def collate(samples: Iterable[Sample], size: int | None = None) -> Batch:
    """Stack samples of one crop size and one joint set, taking them one by one.

    Args:
        samples: At least one; each can be forgotten as soon as the next is asked for.
        size: Their number; None if `samples` knows it.

    Raises:
        ValueError: If there is no sample, if a sample has no image, or if their sizes differ.
    """
    given = samples if isinstance(samples, Sequence) or size is not None else list(samples)
    size = len(given) if isinstance(given, Sequence) else size
    batch: Batch | None = None
    ids: list[str] = []
    sources: list[str] = []
    for row, sample in enumerate(given):
        if batch is None:
            batch = _empty(size or 0, *_image_size(sample), len(sample.joints))
        batch.index[row] = sample.index
        for name, mark in _IMAGES.items():
            value = getattr(sample, name)
            _fill(getattr(batch, name), row, value)
            getattr(batch, mark)[row] = value is not None
        for name in ("joints", "visible", "intrinsics"):
            _fill(getattr(batch, name), row, getattr(sample, name))
        ids.append(sample.sample_id)
        sources.append(sample.source)
    if batch is None:
        raise ValueError("a batch needs at least one sample")
    return replace(batch, sample_ids=tuple(ids), sources=tuple(sources))


_IMAGES = {"rgb": "has_rgb", "depth": "has_depth", "foreground": "has_foreground", "parts": "has_parts"}


def _empty(size: int, height: int, width: int, n_joints: int) -> Batch:
    return Batch(
        sample_ids=(),
        sources=(),
        index=torch.zeros(size, dtype=torch.int64),
        rgb=_zeros((size, 3, height, width), torch.uint8),
        depth=_zeros((size, 1, height, width), torch.float32),
        foreground=_zeros((size, height, width), torch.bool),
        parts=_zeros((size, height, width), torch.uint8),
        joints=torch.zeros(size, n_joints, 2),
        visible=torch.zeros(size, n_joints, dtype=torch.bool),
        intrinsics=torch.tensor([1.0, 1.0, 0.0, 0.0]).repeat(size, 1),
        **{mark: torch.zeros(size, dtype=torch.bool) for mark in _IMAGES.values()},
    )


def _zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Zeros; in a worker process of a loader in memory shared with its parent, which saves a copy on the way there."""
    if get_worker_info() is None:
        return torch.zeros(shape, dtype=dtype)
    # As PyTorch's own collation does it. Fresh shared memory is zero.
    storage: torch.UntypedStorage = torch.UntypedStorage._new_shared(  # type: ignore[no-untyped-call]
        math.prod(shape) * dtype.itemsize
    )
    return torch.empty(0, dtype=dtype).set_(storage).view(shape)


def _image_size(sample: Sample) -> tuple[int, int]:
    for image in (sample.rgb, sample.depth, sample.foreground, sample.parts):
        if image is not None:
            return int(image.shape[-2]), int(image.shape[-1])
    raise ValueError(f"{sample.sample_id}: has no image")


def _fill(stack: Tensor, row: int, value: Tensor | None) -> None:
    if value is None:
        return
    if stack[row].shape != value.shape:
        raise ValueError(f"samples of one batch differ in size: {tuple(value.shape)} and {tuple(stack[row].shape)}")
    stack[row] = value
