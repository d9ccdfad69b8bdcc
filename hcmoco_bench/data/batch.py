"""Samples stacked into a batch, with missing modalities marked."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.utils.data import get_worker_info

from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.sample import Sample
from hcmoco_bench.data.views import View, ViewBatch


@dataclass(frozen=True, eq=False)
class Batch(BatchRecord):
    """B samples. A missing modality is zero and its mark is False; see `Sample` for conventions.

    Attributes:
        sample_ids: Ids of the B samples.
        sources: Names of the data sets of the B samples.
        index: (B,) int64 row in the data set or in the mixture.
        rgb: (B, 3, H, W) uint8; `normalize_rgb` converts it to encoder input on the training device.
        depth: (B, 1, H, W) float32 meters, 0 = missing.
        foreground: (B, H, W) bool.
        parts: (B, H, W) uint8 class indices.
        joints: (B, J, 2) float32 px (x, y) of the crop.
        visible: (B, J) bool.
        intrinsics: (B, 4) float32 fx, fy, cx, cy; (1, 1, 0, 0) where there are none, to avoid divisions by zero.
        has_rgb: (B,) bool.
        has_depth: (B,) bool.
        has_foreground: (B,) bool.
        has_parts: (B,) bool.
        joints3d: (B, J, 3) float32 meters, 0 where not valid.
        valid3d: (B, J) bool.
        skeleton: (B, J, 2) float32 px (x, y), the joints as an encoder of keypoints sees them; None if these are
            `joints` for all samples.
        views: One batch per view; empty if the samples have no views.
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
    joints3d: Tensor
    valid3d: Tensor
    skeleton: Tensor | None = None
    views: tuple[ViewBatch, ...] = ()

    @property
    def has_keypoints(self) -> Tensor:
        """(B,) bool: at least one joint is visible."""
        return self.visible.any(dim=1)

    @property
    def has_joints3d(self) -> Tensor:
        """(B,) bool: at least one joint is valid in 3-D."""
        return self.valid3d.any(dim=1)


def collate(samples: Iterable[Sample], size: int | None = None) -> Batch:
    """Stack samples of one crop size and one joint set, taking them one by one.

    Args:
        samples: One or more samples; each can be released as soon as the next one is requested.
        size: Number of samples; None if `samples` has a length.

    Raises:
        ValueError: If there is no sample, if a sample has no image, or if samples differ in size or number of views.
    """
    given = samples if isinstance(samples, Sequence) or size is not None else list(samples)
    size = len(given) if isinstance(given, Sequence) else size
    batch: Batch | None = None
    ids: list[str] = []
    sources: list[str] = []
    skeletons: dict[int, Tensor] = {}
    for row, sample in enumerate(given):
        if batch is None:
            batch = _empty(size or 0, sample)
        batch.index[row] = sample.index
        for name, mark in _IMAGES.items():
            value = getattr(sample, name)
            _fill(getattr(batch, name), row, value)
            getattr(batch, mark)[row] = value is not None
        for name in _VALUES:
            _fill(getattr(batch, name), row, getattr(sample, name))
        if sample.skeleton is not None:
            skeletons[row] = sample.skeleton
        if len(sample.views) != len(batch.views):
            raise ValueError(f"samples of one batch have {len(batch.views)} and {len(sample.views)} views")
        for views, view in zip(batch.views, sample.views, strict=True):
            fill_view(views, row, view)
        ids.append(sample.sample_id)
        sources.append(sample.source)
    if batch is None:
        raise ValueError("a batch needs at least one sample")
    return replace(batch, sample_ids=tuple(ids), sources=tuple(sources), skeleton=_skeletons(batch.joints, skeletons))


def _skeletons(joints: Tensor, given: Mapping[int, Tensor]) -> Tensor | None:
    if not given:
        return None
    stacked = joints.clone()
    for row, skeleton in given.items():
        _fill(stacked, row, skeleton)
    return stacked


_IMAGES = {"rgb": "has_rgb", "depth": "has_depth", "foreground": "has_foreground", "parts": "has_parts"}
_VALUES = ("joints", "visible", "intrinsics", "joints3d", "valid3d")


def _empty(size: int, sample: Sample) -> Batch:
    """A batch of `size` samples in which everything is missing; shapes are those of one sample."""
    (height, width), n_joints = _image_size(sample), len(sample.joints)
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
        joints3d=torch.zeros(size, n_joints, 3),
        valid3d=torch.zeros(size, n_joints, dtype=torch.bool),
        **{mark: torch.zeros(size, dtype=torch.bool) for mark in _IMAGES.values()},
        views=tuple(empty_views(size, view) for view in sample.views),
    )


def empty_views(size: int, view: View) -> ViewBatch:
    """A batch of `size` views like this one, all of them black; `fill_view` puts views into it."""
    images = _zeros((size, *view.image.shape), torch.uint8)
    return ViewBatch(images, torch.zeros(size, 4), torch.zeros(size, dtype=torch.bool))


def _zeros(shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Zeros, in shared memory if this is a worker process of a loader, which saves a copy on the way to its parent."""
    if get_worker_info() is None:
        return torch.zeros(shape, dtype=dtype)
    # This follows PyTorch's own collation. Fresh shared memory is zero.
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


def fill_view(views: ViewBatch, row: int, view: View) -> None:
    """Copy a view into a row of a batch; raises ValueError if it is of another size."""
    _fill(views.images, row, view.image)
    left, top, width, height = view.region
    views.boxes[row] = torch.tensor([top, left, height, width])
    views.flipped[row] = view.flipped
