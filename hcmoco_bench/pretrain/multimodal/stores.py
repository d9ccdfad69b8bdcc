"""The stores that a run learns from."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.data.color_jitter import ColorJitter
from hcmoco_bench.data.keypoint_images import KeypointImagesDataset
from hcmoco_bench.data.mixing import MixedDataset
from hcmoco_bench.data.ntu_store import Hidden, NtuStoreDataset
from hcmoco_bench.data.overlap import Overlap, is_labeled
from hcmoco_bench.data.sample import SampleSource
from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.multimodal.settings import MultimodalSettings
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store

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


def open_mixture(settings: MultimodalSettings, *, labeled_split: str = "train") -> MixedDataset:
    """The training splits of a run's stores as one data set.

    Args:
        settings: The settings.
        labeled_split: The split of stores of labeled frames; unlabeled ones have `train` alone.

    Raises:
        UsageError: If no store is named, one is of another data set's joints, or a modality cannot be hidden.
        StoreError: If a store is missing or not finished, or all of it is left out.
    """
    if not settings.stores:
        raise UsageError("no store to learn from; give --store")
    paths = [Path(store) for store in settings.stores]
    stores = {path: open_store(path) for path in paths}
    labeled = {path for path, store in stores.items() if is_labeled(store)}
    without = None
    if labeled and settings.overlap == "leave_out":
        without = Overlap.with_stores([stores[path] for path in sorted(labeled)])
    datasets: list[SampleSource] = []
    for path, hidden in zip(paths, settings.hidden(), strict=True):
        if stores[path].capabilities.people:
            datasets.append(_photographs(path, hidden, settings))
        elif path in labeled:
            datasets.append(_frames(path, labeled_split, hidden, None, settings))
        else:
            datasets.append(_frames(path, "train", hidden, without, settings))
    jitter = ColorJitter(settings.color_jitter, settings.seed) if settings.color_jitter else None
    return MixedDataset(datasets, colors=jitter)


def _frames(
    store: Path, split: str, hidden: Hidden, without: Overlap | None, settings: MultimodalSettings
) -> NtuStoreDataset:
    return NtuStoreDataset(
        store,
        split,
        size=settings.image_size,
        joints=settings.joints,
        seed=settings.seed,
        train=True,
        crops=settings.crops,
        hide=hidden,
        without=without,
    )


def _photographs(store: Path, hidden: Hidden, settings: MultimodalSettings) -> KeypointImagesDataset:
    if hidden != "nothing":
        raise UsageError(f"{store}: photographs have RGB alone, {hidden} cannot be hidden; set nothing for it")
    return KeypointImagesDataset(
        store,
        size=settings.image_size,
        joints=settings.joints,
        seed=settings.seed,
        train=True,
        skeleton=settings.keypoint_skeleton,
    )
