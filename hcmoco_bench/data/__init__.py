"""Prepared stores to training samples: crops that keep all modalities together, batches, mixing, loading."""

from hcmoco_bench.data.batch import Batch, collate
from hcmoco_bench.data.keypoint_images import KeypointImagesDataset
from hcmoco_bench.data.loader import BatchLoader, make_loader
from hcmoco_bench.data.mixing import MixedDataset, MixedSampler
from hcmoco_bench.data.normalise import denormalise_rgb, normalise_depth, normalise_joints, normalise_rgb
from hcmoco_bench.data.ntu_store import NtuStoreDataset
from hcmoco_bench.data.sample import Draw, Joints, Sample, SampleSource

__all__ = [
    "Batch",
    "BatchLoader",
    "Draw",
    "Joints",
    "KeypointImagesDataset",
    "MixedDataset",
    "MixedSampler",
    "NtuStoreDataset",
    "Sample",
    "SampleSource",
    "collate",
    "denormalise_rgb",
    "make_loader",
    "normalise_depth",
    "normalise_joints",
    "normalise_rgb",
]
