"""What a pre-training has learned from: the samples that its own code opens, without what it left out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from hcmoco_bench.audit.places import find_place, find_store, recorded_store, run_record, tell_changed_store
from hcmoco_bench.audit.sets import AuditedSet, Material, Role, folder_set, split_set, store_set
from hcmoco_bench.data.data_record import DataRecord, StoreRecord, read_data_record
from hcmoco_bench.data.keypoint_images import KeypointImagesDataset
from hcmoco_bench.data.mixing import MixedDataset
from hcmoco_bench.data.ntu_store import NtuStoreDataset
from hcmoco_bench.data.overlap import is_labeled
from hcmoco_bench.data.person_images import PersonImages
from hcmoco_bench.data.picture_folder import PictureFolder
from hcmoco_bench.data.view_pairs import ViewPairDataset
from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.models.first_weights import NO_FILES
from hcmoco_bench.pretrain.checkpoints import KIND, saved_settings
from hcmoco_bench.pretrain.liftedcl.settings import LiftedCLSettings
from hcmoco_bench.pretrain.multimodal.settings import MultimodalSettings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.run_folder import saved_run
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.store.registry import UNNAMED, open_store, store_kind
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint, open_checkpoint


def run_sets(folder: Path, material: Material) -> list[AuditedSet]:
    """What the pre-training in a folder has learned from; what nobody can tell becomes problem lines.

    Args:
        folder: A run of `pretrain`.
        material: Where problem lines go.

    Raises:
        UsageError: If its settings are of a method that is not installed, or not its own.
        DataError: If its files are damaged.
    """
    return _settings_sets(saved_run(folder), run_record(folder), folder, material, {folder.resolve()})


def checkpoint_sets(path: Path, material: Material, seen: frozenset[Path] = frozenset()) -> list[AuditedSet]:
    """What the pre-training behind a checkpoint has learned from; see `run_sets`.

    Args:
        path: The checkpoint.
        material: Where problem lines go.
        seen: Files that led here, which are not followed again.

    Raises:
        UsageError: If its settings are of a method that is not installed, or not its own.
        DataError: If it is missing or damaged.
    """
    state = open_checkpoint(path)
    if isinstance(state, ForeignCheckpoint):
        material.problem("pretraining_unknown", str(path), state.origin)
        return []
    if state["kind"] != KIND:
        material.problem(
            "pretraining_unknown", str(path), f"{path}: weights of a fine-tuned model; give its run to audit that too"
        )
        return []
    record = read_data_record(state.get("data"), str(path))
    return _settings_sets(saved_settings(state["config"], str(path)), record, path, material, {*seen, path.resolve()})


def follow_weights(place: str, run: Path, material: Material, seen: frozenset[Path] = frozenset()) -> list[AuditedSet]:
    """What the training of the weights that a run began with has learned from; see `run_sets`.

    Args:
        place: Path of the weights, as the run's settings have it.
        run: The run's folder or file.
        material: Where problem lines go.
        seen: Files that led here, which are not followed again.
    """
    path = find_place(place, run)
    if path is None:
        material.problem(
            "pretraining_missing",
            place,
            f"{run}: the run began with {place}, which is not there, so that what these weights have seen is not "
            "known; start the command where the run was started, or give the pre-training's run too",
        )
        return []
    if path.resolve() in seen:
        return []
    try:
        return checkpoint_sets(path, material, seen)
    except HcmocoBenchError as error:
        material.problem("pretraining_unreadable", place, f"what these weights have seen is not known: {error}")
        return []


def _settings_sets(
    settings: PretrainSettings, record: DataRecord | None, run: Path, material: Material, seen: set[Path]
) -> list[AuditedSet]:
    found = [] if settings.init in NO_FILES else follow_weights(settings.init, run, material, frozenset(seen))
    present = _present_stores(settings, record, run, material)
    changes: dict[str, Any] = {"stores": tuple(map(str, present.values()))}
    if isinstance(settings, MultimodalSettings) and settings.hide:
        hidden = dict(zip(settings.stores, settings.hide, strict=True))
        changes["hide"] = tuple(hidden[place] for place in present)
    if isinstance(settings, LiftedCLSettings):
        changes["pictures"] = tuple(_present_pictures(settings.pictures, run, material))
    if not present and not changes.get("pictures"):
        return found
    opened = settings.model_copy(update=changes)
    try:
        dataset = get_method(settings.method).open_data(opened).dataset
        return [*found, *_dataset_sets(dataset, opened, material)]
    except HcmocoBenchError as error:
        material.problem("pretraining_unreadable", str(run), f"what it has learned from was not compared: {error}")
        return found


def _present_stores(
    settings: PretrainSettings, record: DataRecord | None, run: Path, material: Material
) -> dict[str, Path]:
    """Where the stores of the settings are now, without those of which nobody can tell what was read."""
    present: dict[str, Path] = {}
    for place in settings.stores:
        store = find_store(place, run, record)
        if store is None:
            material.problem(
                "store_missing",
                place,
                f"{run}: learned from the store {place}, which is not there; its samples were not compared. Start the "
                "command where the run was started, or put the store back",
            )
        else:
            present[place] = store
            tell_changed_store(place, store, run, record, material)
    gone = [recorded_store(place, record) for place in settings.stores if place not in present]
    if settings.overlap == "leave_out" and any(map(_may_be_labeled, gone)):
        for place in [place for place, store in present.items() if not is_labeled(open_store(store))]:
            material.problem(
                "overlap_unknown",
                place,
                f"{run}: which samples of {present.pop(place)} the run left out (overlap = leave_out) depends on a "
                "store that is not there; they were not compared",
            )
    return present


def _present_pictures(folders: tuple[str, ...], run: Path, material: Material) -> Iterator[str]:
    for folder in folders:
        place = find_place(folder, run)
        if place is None:
            reason = f"{run}: learned from the pictures in {folder}, which is not there; they were not compared"
            material.problem("pictures_missing", folder, reason)
        else:
            yield str(place)


def _may_be_labeled(store: StoreRecord | None) -> bool:
    """Whether a store that is gone may hold labeled frames, of which a mixture leaves others out."""
    if store is None:
        return True
    try:
        kind = store_kind(str(store.manifest.get("kind", UNNAMED)))
        manifest = kind.manifest_model.model_validate({**store.manifest, "shards": {}})
    except (HcmocoBenchError, ValueError):
        return True
    return kind.capabilities(manifest).labeled


def _dataset_sets(dataset: Dataset[Any], settings: PretrainSettings, material: Material) -> Iterator[AuditedSet]:
    parts = mixture_parts(dataset)
    if parts is None:
        for place in settings.stores:
            store = open_store(Path(place))
            yield split_set("pre-training", store, "train")
            material.problem(
                "method_unknown",
                place,
                f"{store.path}: audit does not know which samples the method {settings.method} reads; all of train "
                "were compared",
            )
        return
    for part in parts:
        yield mixture_set("pre-training", part)


def mixture_parts(dataset: Dataset[Any]) -> tuple[Any, ...] | None:
    """The stores and folders of a mixture; None for a data set of another kind."""
    if isinstance(dataset, MixedDataset):
        return dataset.datasets
    return dataset.sources if isinstance(dataset, ViewPairDataset) else None


def mixture_set(role: Role, part: object) -> AuditedSet:
    """A store or folder of a mixture as a set, without what the mixture leaves out.

    Raises:
        StoreError: If the store cannot be read.
        TypeError: If it is neither.
    """
    if isinstance(part, PictureFolder):
        return folder_set(role, part)
    if isinstance(part, NtuStoreDataset):
        return store_set(role, open_store(part.path), part.index.ids.tolist(), part.split, hides=part.hide)
    if isinstance(part, KeypointImagesDataset):
        return store_set(role, open_store(part.path), part.ids.tolist(), part.split)
    if isinstance(part, PersonImages):
        return store_set(role, open_store(part.path), part.ids.tolist(), "train")
    raise TypeError(f"a mixture holds stores and folders of pictures, not {type(part).__name__}")
