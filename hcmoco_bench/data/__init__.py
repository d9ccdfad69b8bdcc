"""From prepared stores to training batches: crops of all modalities, views, joints, mixing, loading."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hcmoco_bench.data.batch import Batch, collate
from hcmoco_bench.data.loader import BatchLoader, make_loader
from hcmoco_bench.data.mixing import MixedDataset, MixedSampler
from hcmoco_bench.data.normalize import normalize_depth, normalize_joints, normalize_rgb
from hcmoco_bench.data.record import BatchRecord, TensorRecord
from hcmoco_bench.data.sample import Draw, Joints, Sample, SampleSource
from hcmoco_bench.data.views import View, ViewBatch, ViewOptions, draw_views

if TYPE_CHECKING:
    from hcmoco_bench.data.keypoint_images import KeypointImagesDataset
    from hcmoco_bench.data.ntu_store import NtuStoreDataset

__all__ = [
    "Batch",
    "BatchLoader",
    "BatchRecord",
    "Draw",
    "Joints",
    "KeypointImagesDataset",
    "MixedDataset",
    "MixedSampler",
    "NtuStoreDataset",
    "Sample",
    "SampleSource",
    "TensorRecord",
    "View",
    "ViewBatch",
    "ViewOptions",
    "collate",
    "draw_views",
    "make_loader",
    "normalize_depth",
    "normalize_joints",
    "normalize_rgb",
]

_STORE_READERS = {"KeypointImagesDataset": "keypoint_images", "NtuStoreDataset": "ntu_store"}
"""Modules imported on first use: models and methods need batches, but not the readers of Parquet and videos."""


def __getattr__(name: str) -> Any:
    if name not in _STORE_READERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_STORE_READERS[name]}"), name)
