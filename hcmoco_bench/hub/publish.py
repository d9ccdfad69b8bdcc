"""Prepared stores to a folder that `datasets.load_dataset` reads without this package."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hcmoco_bench import __version__
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.hub.annotation_rows import annotation_tables
from hcmoco_bench.hub.card import CARD_FILE, CardFacts, render_card
from hcmoco_bench.hub.croissant import CROISSANT_FILE, render_croissant
from hcmoco_bench.hub.features import (
    ANNOTATION_SPLITS,
    CONFIGURATIONS,
    Configuration,
    annotation_features,
    row_features,
)
from hcmoco_bench.hub.folder_writer import FolderWriter
from hcmoco_bench.hub.publication import PUBLICATION_FILE, Publication, PublishedStore, provenance_folder
from hcmoco_bench.hub.push import PushTarget, check_hub, check_right
from hcmoco_bench.hub.staging import check_loadable, check_replaceable, staged_folder
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.store.kinds.ntu import NtuStore
from hcmoco_bench.store.manifest import MANIFEST_FILE, Tool
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.splits import SPLITS_FILE

if TYPE_CHECKING:
    pass


@dataclass(frozen=True)
class Published:
    """A finished publication.

    Attributes:
        folder: Where it is; what `load_dataset` takes.
        record: Its `publication.json`.
        nothing_to_do: True if the same publication was there already, whole; its card may have been edited since.
    """

    folder: Path
    record: Publication
    nothing_to_do: bool


def publish(
    stores: Sequence[Path],
    to: Path,
    *,
    annotations_only: bool = False,
    with_masks: bool | None = None,
    overwrite: bool = False,
    target: PushTarget | None = None,
    progress: Progress = no_progress,
) -> Published:
    """Write the dataset folder of one or more prepared stores.

    The configurations are those of `hcmoco_bench.hub.features`: full rows (`parsing`, `parsing_v3`, `pretrain`) and
    `annotations`, which holds no pixel of the source. The folder appears when it is complete, and the same stores give
    the same bytes; what is there already is not made again. A split without samples is left out and named in the card:
    `datasets` cannot load an empty split.

    Args:
        stores: Prepared stores, at most one of each sample set.
        to: Folder to write.
        annotations_only: Leave out every configuration that holds pixels.
        with_masks: Whether `annotations` holds the part masks. None means: of generated stores, yes; of licensed ones,
            no, because the masks are their authors' and not ours to hand on.
        overwrite: Replace an earlier publication in `to`.
        target: Where it will be pushed, if at all: its name is used in the card's examples, and rights, token and name
            are checked before the work begins. Pushing itself is `hcmoco_bench.hub.push`.
        progress: Told about rows.

    Raises:
        LicenseError, HubError: If it could not be pushed to `target`.
        UsageError: If the stores do not go together, masks are asked for that there are not, `to` is not ours, or no
            folder that `datasets` could read.
        StoreError: If a store is unfinished, damaged or empty, or the folder cannot be written.
    """
    check_loadable(to)
    opened = _open_stores(stores)
    masks = {name: _masks_allowed(store, with_masks) for name, store in opened.items()}
    if with_masks and not any(masks.values()):
        raise UsageError(f"{', '.join(map(str, stores))}: no part masks in there; leave out --with-masks")
    record = Publication(
        tool=Tool(version=__version__),
        name=to.resolve().name if target is None else target.repo_id,
        stores=tuple(map(_describe, opened.values())),
        pixels=not annotations_only,
        masks=any(masks.values()),
    )
    if target is not None:
        check_right(pixels=record.pixels, generated=record.generated, holds_right=target.holds_right)
        check_hub(target)
    if not overwrite and (finished := _finished(to, record)) is not None:
        return Published(to, finished, nothing_to_do=True)
    check_replaceable(to, overwrite=overwrite)
    for store in opened.values():
        _check_shards(store, progress)
    with staged_folder(to, overwrite=overwrite) as folder:
        writer = FolderWriter(folder, progress)
        left_out = [] if annotations_only else _write_rows(writer, opened)
        _write_annotations(writer, opened, masks)
        if not writer.configurations:
            raise StoreError(f"{', '.join(map(str, stores))}: not a single sample to publish; problems.jsonl says why")
        _copy_provenance(writer, opened)
        made = {configuration.name: configuration.rows for configuration in writer.configurations}
        record = record.model_copy(update={"configurations": made, "left_out": tuple(left_out)})
        facts = CardFacts(stores=opened, configurations=writer.configurations, record=record)
        for name, content in ((CARD_FILE, render_card(facts)), (CROISSANT_FILE, render_croissant(facts))):
            write_atomic(folder / name, content)
            writer.add_file(name)
        record = record.model_copy(update={"files": dict(sorted(writer.files.items()))})
        record.save(folder)
    return Published(to, record, nothing_to_do=False)


def _describe(store: NtuStore) -> PublishedStore:
    manifest = store.manifest
    sha256 = file_sha256(store.path / MANIFEST_FILE)
    return PublishedStore(set=manifest.options.set, source=manifest.source, manifest_sha256=sha256)


def _finished(to: Path, wanted: Publication) -> Publication | None:
    """The record of a publication in `to`, if it is the one wanted and undamaged; its card may have been edited."""
    if not (to / PUBLICATION_FILE).is_file():
        return None
    record = Publication.load(to)
    head = record.model_copy(update={"configurations": {}, "left_out": (), "files": {}})
    if head != wanted or CROISSANT_FILE not in record.files:  # earlier versions wrote none
        return None
    for name, file in record.files.items():
        path = to / name
        if not path.is_file() or (name != CARD_FILE and file_sha256(path) != file.sha256):
            return None
    return record


def _open_stores(paths: Sequence[Path]) -> dict[str, NtuStore]:
    """Stores by sample set, the parsing set first."""
    opened: dict[str, NtuStore] = {}
    for path in paths:
        store: NtuStore = open_store(path, "publishable")
        name = store.manifest.options.set
        if name in opened:
            raise UsageError(f"{opened[name].path} and {path} are both of the set {name}; publish one at a time")
        opened[name] = store
    if not opened:
        raise UsageError("no store was given; name the folder that `hcmoco-bench prepare` wrote")
    return dict(sorted(opened.items()))


def _masks_allowed(store: NtuStore, with_masks: bool | None) -> bool:
    return store.manifest.parts and (store.manifest.source.generated if with_masks is None else with_masks)


def _check_shards(store: NtuStore, progress: Progress) -> None:
    label = f"checking {store.manifest.options.set}"
    for done, (file, entry) in enumerate(store.manifest.shards.items()):
        progress(label, done, len(store.manifest.shards))
        path = store.path / file
        if not path.is_file() or file_sha256(path) != entry.sha256:
            raise StoreError(f"{path}: missing or not what the manifest says; run `hcmoco-bench verify`, then prepare")
    progress(label, len(store.manifest.shards), len(store.manifest.shards))


def _write_rows(writer: FolderWriter, stores: Mapping[str, NtuStore]) -> list[str]:
    """Write the configurations of full rows; returns `configuration/split` of the splits without a sample."""
    left_out: list[str] = []
    for configuration in CONFIGURATIONS:
        store = stores.get(configuration.store_set)
        if store is None:
            continue
        counts = _row_counts(store, configuration)
        left_out += [f"{configuration.name}/{split}" for split, rows in counts.items() if not rows]
        splits = {
            split: (rows, lambda name=configuration.splits[split], store=store: store.tables(name))
            for split, rows in counts.items()
            if rows
        }
        if splits:
            writer.write(
                configuration.name, configuration.description, row_features(parts=store.manifest.parts), splits
            )
    return left_out


def _row_counts(store: NtuStore, configuration: Configuration) -> dict[str, int]:
    counts = store.manifest.splits
    return {split: counts[name].rows if name in counts else 0 for split, name in configuration.splits.items()}


def _write_annotations(writer: FolderWriter, stores: Mapping[str, NtuStore], masks: Mapping[str, bool]) -> None:
    parts_column = any(masks.values())
    splits = {}
    for name, store in stores.items():
        total = sum(entry.rows for entry in store.manifest.shards.values())
        if total:
            splits[ANNOTATION_SPLITS[name]] = (
                total,
                lambda store=store, name=name: annotation_tables(store, masks=masks[name], parts_column=parts_column),
            )
    if splits:
        writer.write(
            "annotations",
            "What may be shared: ids, splits, transforms and hashes; no pixel of the source. `join` rebuilds the full "
            "rows from it and your own copy of NTU RGB+D.",
            annotation_features(parts=parts_column),
            splits,
        )


def _copy_provenance(writer: FolderWriter, stores: Mapping[str, NtuStore]) -> None:
    """Copy each store's manifest and splits: what `join` needs to make a store of the same kind."""
    for name, store in stores.items():
        below = provenance_folder(name)
        (writer.folder / below).mkdir(parents=True)
        for file in (MANIFEST_FILE, SPLITS_FILE):
            shutil.copyfile(store.path / file, writer.folder / below / file)
            writer.add_file(f"{below}/{file}")
