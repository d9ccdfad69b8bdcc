"""Samples of a store with the dense features that a pre-trained model gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from hcmoco_bench.data.batch import collate
from hcmoco_bench.data.ntu_store import NtuStoreDataset
from hcmoco_bench.data.sample import Joints, Sample
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.plotting.features import FeatureSample
from hcmoco_bench.pretrain.checkpoints import load_pretrained
from hcmoco_bench.pretrain.multimodal.model import MultiModalModel
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore

_BATCH = 8


@torch.no_grad()
def feature_samples(
    checkpoint: Path, store: Path, ids: Sequence[str], *, size: int | None = None, progress: Progress = no_progress
) -> list[FeatureSample]:
    """Embed samples with the model of a checkpoint, each on the square around the whole person.

    Args:
        checkpoint: Of a pre-training.
        store: Folder of a prepared NTU store with depth.
        ids: Samples of it, of any split.
        size: Side of the crops, px, a multiple of 32; None for twice that of training, for finer maps.
        progress: Told about samples.

    Raises:
        DataError: If the checkpoint cannot be used, or a sample has no depth.
        StoreError: If the store lacks a sample.
        UsageError: If the checkpoint's method has no dense features of both modalities.
    """
    found_run = load_pretrained(checkpoint)
    model, settings = found_run.model.eval(), found_run.settings
    if not isinstance(model, MultiModalModel):
        raise UsageError(
            f"{checkpoint}: a pre-training by {found_run.method.name}, which has no dense features of RGB and depth to "
            "compare; give one by a method that has"
        )
    opened = open_store(store, "bodies")
    samples = list(_find(opened, ids, size or 2 * settings.image_size, settings.joints))
    found: list[FeatureSample] = []
    for group in _groups(samples):
        maps = model(collate(group), dense=True).maps
        for number, sample in enumerate(group):
            if sample.rgb is None or sample.depth is None:
                raise DataError(
                    f"{store}: sample {sample.sample_id} has no depth to compare with; choose another",
                    kind="depth_missing",
                    file=str(store),
                )
            found.append(
                FeatureSample(
                    sample_id=sample.sample_id,
                    rgb=sample.rgb.permute(1, 2, 0).numpy(),
                    depth=sample.depth[0].numpy(),
                    foreground=np.zeros(sample.rgb.shape[-2:], np.bool_)
                    if sample.foreground is None
                    else sample.foreground.numpy(),
                    features={name: values[number].numpy() for name, values in maps.items()},
                )
            )
        progress("features", len(found), len(samples))
    return found


def _find(store: AnyStore, ids: Sequence[str], size: int, joints: Joints) -> Iterator[Sample]:
    """The samples, in the order asked for."""
    places: dict[str, tuple[NtuStoreDataset, int]] = {}
    for split in store.stored_splits:
        dataset = NtuStoreDataset(store.path, split, size=size, joints=joints, train=False)
        rows = {str(sample_id): row for row, sample_id in enumerate(dataset.index.ids)}
        places |= {sample_id: (dataset, rows[sample_id]) for sample_id in ids if sample_id in rows}
    for sample_id in ids:
        if sample_id not in places:
            raise StoreError(f"{store.path}: sample {sample_id} is not in the store")
        dataset, row = places[sample_id]
        yield dataset[row]


def _groups(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    return (samples[start : start + _BATCH] for start in range(0, len(samples), _BATCH))
