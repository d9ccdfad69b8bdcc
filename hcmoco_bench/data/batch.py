"""Samples stacked into a batch, with the missing modalities marked."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from hcmoco_bench.data.sample import Sample


@dataclass(frozen=True)
class Batch:
    """B samples. Where a modality is missing its tensor is zero and its mark is False; see `Sample` for conventions.

    Attributes:
        sample_ids: B ids.
        sources: B names of data sets.
        index: (B,) int64 row in the data set or mixture.
        rgb: (B, 3, H, W) float32, normalised.
        depth: (B, 1, H, W) float32 metres, 0 = none.
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

    sample_ids: tuple[str, ...]
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

    def __len__(self) -> int:
        return len(self.sample_ids)

    @property
    def has_keypoints(self) -> Tensor:
        """(B,) bool: at least one joint is visible."""
        return self.visible.any(dim=1)

    def to(self, device: torch.device | str, *, non_blocking: bool = False) -> Batch:
        """The batch with all tensors on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory; `DataLoader` calls this."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Callable[[Tensor], Tensor]) -> Batch:
        values = vars(self).items()
        changed: dict[str, Any] = {name: change(value) for name, value in values if isinstance(value, Tensor)}
        return replace(self, **changed)


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples of one crop size and one joint set.

    Raises:
        ValueError: If there is no sample, if no sample has a picture, or if their sizes differ.
    """
    if not samples:
        raise ValueError("a batch needs at least one sample")
    height, width = _picture_size(samples)
    size = len(samples)
    rgb = _zeros((size, 3, height, width), torch.float32)
    depth = _zeros((size, 1, height, width), torch.float32)
    foreground = _zeros((size, height, width), torch.bool)
    parts = _zeros((size, height, width), torch.uint8)
    intrinsics = torch.tensor([1.0, 1.0, 0.0, 0.0]).repeat(size, 1)
    for row, sample in enumerate(samples):
        _fill(rgb, row, sample.rgb)
        _fill(depth, row, sample.depth)
        _fill(foreground, row, sample.foreground)
        _fill(parts, row, sample.parts)
        _fill(intrinsics, row, sample.intrinsics)
    return Batch(
        sample_ids=tuple(sample.sample_id for sample in samples),
        sources=tuple(sample.source for sample in samples),
        index=torch.tensor([sample.index for sample in samples], dtype=torch.int64),
        rgb=rgb,
        depth=depth,
        foreground=foreground,
        parts=parts,
        joints=torch.stack([sample.joints for sample in samples]),
        visible=torch.stack([sample.visible for sample in samples]),
        intrinsics=intrinsics,
        has_rgb=torch.tensor([sample.rgb is not None for sample in samples]),
        has_depth=torch.tensor([sample.depth is not None for sample in samples]),
        has_foreground=torch.tensor([sample.foreground is not None for sample in samples]),
        has_parts=torch.tensor([sample.parts is not None for sample in samples]),
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


def _picture_size(samples: Sequence[Sample]) -> tuple[int, int]:
    for sample in samples:
        for picture in (sample.rgb, sample.depth, sample.foreground, sample.parts):
            if picture is not None:
                return int(picture.shape[-2]), int(picture.shape[-1])
    raise ValueError(f"none of the samples has a picture: {', '.join(sample.sample_id for sample in samples)}")


def _fill(stack: Tensor, row: int, value: Tensor | None) -> None:
    if value is None:
        return
    if stack[row].shape != value.shape:
        raise ValueError(f"samples of one batch differ in size: {tuple(value.shape)} and {tuple(stack[row].shape)}")
    stack[row] = value
