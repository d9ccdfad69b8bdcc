"""The stores that a run learns from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from hcmoco_bench.data.keypoint_images import KeypointImagesDataset
from hcmoco_bench.data.mixing import MixedDataset
from hcmoco_bench.data.ntu_store import NtuStoreDataset
from hcmoco_bench.data.sample import SampleSource
from hcmoco_bench.errors import UsageError
from hcmoco_bench.prepare.manifest import MANIFEST_FILE
from hcmoco_bench.pretrain.config import PretrainConfig

PRETRAIN_STORE = "pretrain"


def default_stores(home: Path) -> tuple[str, ...]:
    """The store that `prepare ntu --set pretrain` makes in the home folder.

    Raises:
        UsageError: If there is none; says which two commands make one.
    """
    store = home / PRETRAIN_STORE
    if not (store / MANIFEST_FILE).is_file():
        raise UsageError(
            f"{store}: no prepared store. With NTU RGB+D: hcmoco-bench prepare ntu --root DIR --set pretrain. "
            "Without: hcmoco-bench synth ntu --out generated, then hcmoco-bench prepare ntu --root generated "
            "--lists generated/lists --set pretrain --every 5"
        )
    return (str(store),)


def open_mixture(config: PretrainConfig) -> MixedDataset:
    """The training splits of a run's stores as one data set.

    Raises:
        UsageError: If no store is named, or one is of another data set's joints.
        StoreError: If a store is missing or not finished.
    """
    if not config.stores:
        raise UsageError("no store to learn from; give --store")
    return MixedDataset(_open_all(config.stores, config))


def _open_all(stores: Sequence[str], config: PretrainConfig) -> list[SampleSource]:
    return [_open(Path(store), config) for store in stores]


def _open(store: Path, config: PretrainConfig) -> SampleSource:
    if _is_keypoint_store(store):
        return KeypointImagesDataset(store, size=config.image_size, joints=config.joints, seed=config.seed, train=True)
    return NtuStoreDataset(
        store, size=config.image_size, joints=config.joints, seed=config.seed, train=True, crops=config.crops
    )


def _is_keypoint_store(store: Path) -> bool:
    """Whether a store is of MPII or COCO; one that is no store at all is left to be refused when it is opened."""
    try:
        manifest = json.loads((store / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(manifest, dict) and "dataset" in manifest
