"""Published annotations and a user's own NTU copy to a full prepared store, every row held against its hashes."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from hcmoco_bench.align.calibration import Calibration, RigCalibration
from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.images import decode_image, encode_png
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.hub.features import ANNOTATION_SPLITS
from hcmoco_bench.hub.hash_check import HashChecks
from hcmoco_bench.hub.hashes import SampleHashes
from hcmoco_bench.hub.publication import PUBLICATION_FILE, Publication, provenance_folder
from hcmoco_bench.prepare.given import Given
from hcmoco_bench.prepare.inputs import Masks
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.layout import MASK_FOLDER
from hcmoco_bench.sources.ntu.lists import SampleLists
from hcmoco_bench.sources.ntu.masks import MaskFolder
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.sources.ntu.splits import Split
from hcmoco_bench.store.executor import Executor
from hcmoco_bench.store.kinds.ntu import NTU, NtuManifest
from hcmoco_bench.store.prepare import Prepared
from hcmoco_bench.store.splits import SPLITS_FILE

DIFFERENT = ("depth_differs", "rgb_differs", "bodies_differ", "parts_differ")
"""Problem kinds of rows that were rebuilt and are not what was published; they are left out."""


@dataclass(frozen=True)
class Joined:
    """A rebuilt store.

    Attributes:
        prepared: The store, as `prepare_ntu` gives it.
        expected: Number of rows that the publication describes.
        rows: Number of rows rebuilt and found right.
        differing: Rows rebuilt and found to be different, by problem kind; left out.
    """

    prepared: Prepared[NtuManifest]
    expected: int
    rows: int
    differing: Mapping[str, int]


def join(
    annotations: Path,
    roots: Sequence[Path],
    out: Path,
    *,
    sample_set: str | None = None,
    masks: Path | None = None,
    executor: Executor | None = None,
    overwrite: bool = False,
    progress: Progress = no_progress,
) -> Joined:
    """Rebuild the full rows of a publication from the user's own raw data.

    The result is a prepared store with the splits, transforms and options of the published one; it is written, resumed
    and verified like any other. Each row must agree with its published hashes: depth, skeletons and masks exactly; the
    color image in its bytes, or else (other versions of FFmpeg or OpenCV decode and encode a little differently) in
    its difference hash, with a problem line `rgb_reencoded` that says so. A row that does not agree is left out with
    a problem line (`depth_differs`, `rgb_differs`, `bodies_differ`, `parts_differ`).

    Args:
        annotations: Folder that `publish` wrote, or a download of one; only `publication.json`, `data/annotations` and
            `provenance` of it are needed.
        roots: Folders or archives with raw clips, as for `prepare_ntu`.
        out: Folder of the store.
        sample_set: `parsing4k` or `pretrain`; None if the publication has one only.
        masks: The user's own part masks (folder or archive in the published layout); None for those in the
            annotations. If there are none in either, the store has no `parts`.
        executor: Who writes the shards; None for this process alone.
        overwrite: Replace another store in `out`.
        progress: Told about each step.

    Raises:
        UsageError: If the publication has no such sample set, or more than one and none is named.
        DataError: If the publication is incomplete or damaged (kind `publication_unreadable`), and as `prepare_ntu`.
        StoreError: As `prepare_ntu`.
    """
    record = Publication.load(annotations)
    chosen = _choose_set(record, sample_set)
    files = _checked_files(annotations, record, ANNOTATION_SPLITS[chosen])
    manifest = NTU.read_manifest(annotations / provenance_folder(chosen))
    with tempfile.TemporaryDirectory(prefix="hcmoco-bench-join-") as temporary:
        archive = Path(temporary) / "masks.zip"
        hashes, rigs = _read_annotations(files, archive)
        if masks is not None and all(entry.parts_sha256 is None for entry in hashes.values()):
            raise UsageError(f"{annotations}: was published without masks, so yours cannot be checked; leave them out")
        found = _find_masks(masks if masks is not None else archive, hashes, own=masks is not None)
        given = Given(
            lists=_lists(annotations, chosen, manifest),
            calibration=Calibration(seed=manifest.options.seed, rigs=dict(sorted(rigs.items()))),
            masks=found,
            checks=HashChecks(hashes, parts=found is not None, version=record.tool.version),
        )
        options = manifest.options.model_copy(update={"parts": found is not None})
        prepared = prepare_ntu(
            roots, out, options, executor=executor, given=given, overwrite=overwrite, progress=progress
        )
    counts = prepared.store.manifest
    return Joined(
        prepared=prepared,
        expected=len(hashes),
        rows=sum(entry.rows for entry in counts.shards.values()),
        differing={kind: counts.problems[kind] for kind in DIFFERENT if kind in counts.problems},
    )


def _choose_set(record: Publication, sample_set: str | None) -> str:
    sets = [store.set for store in record.stores]
    if sample_set is None and len(sets) > 1:
        raise UsageError(f"the publication has annotations of {' and '.join(sets)}; name one with --set")
    chosen = sets[0] if sample_set is None else sample_set
    if chosen not in sets:
        raise UsageError(f"the publication has no annotations of {chosen}, but of {' and '.join(sets)}")
    return chosen


def _checked_files(folder: Path, record: Publication, split: str) -> list[Path]:
    """The annotation files of a split; everything that join reads is held against `publication.json`."""
    below = f"data/annotations/{split}-"
    wanted = [name for name in record.files if name.startswith((below, f"provenance/{split}/"))]
    for name in wanted:
        path = folder / name
        if not path.is_file() or file_sha256(path) != record.files[name].sha256:
            raise DataError(
                f"{path}: missing, or damaged (its SHA-256 is not that of {PUBLICATION_FILE}); fetch it again",
                kind="publication_unreadable",
                file=str(path),
            )
    return [folder / name for name in sorted(wanted) if name.startswith(below)]


def _read_annotations(
    files: Sequence[Path], archive: Path
) -> tuple[dict[SampleId, SampleHashes], dict[str, RigCalibration]]:
    """Hashes by sample and calibrations by rig; the masks, if there are any, go into an archive of their own."""
    hashes: dict[SampleId, SampleHashes] = {}
    rigs: dict[str, RigCalibration] = {}
    with zipfile.ZipFile(archive, "w") as masks:
        for row in _rows(files):
            try:
                sample = SampleId.parse(row["sample_id"])
                hashes[sample] = SampleHashes(**{field.name: row[field.name] for field in fields(SampleHashes)})
                rig = row["calibration"]["rig"]
                if rig not in rigs:
                    rigs[rig] = RigCalibration.model_validate(row["calibration"])
            except (KeyError, TypeError, ValidationError) as error:
                raise DataError(
                    f"{files[0].parent}: not annotations of this version ({error}); use the tool that made them",
                    kind="publication_unreadable",
                    file=str(files[0].parent),
                ) from error
            if row.get("parts") is not None:
                _add_mask(masks, sample, row["parts"]["bytes"])
    return hashes, rigs


def _rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    for path in files:
        try:
            with open_parquet(path) as file:
                for batch in file.iter_batches(batch_size=100):
                    yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                f"{path}: cannot be read ({error})", kind="publication_unreadable", file=str(path)
            ) from error


def _add_mask(archive: zipfile.ZipFile, sample: SampleId, encoded: bytes) -> None:
    """Put a mask into an archive of the layout that its authors publish: raw label ids."""
    classes = np.asarray(decode_image(encoded, source=f"mask of {sample}"), np.uint8)
    archive.writestr(f"{MASK_FOLDER}/{sample}.png", encode_png(part_table().encode(classes)))


def _find_masks(path: Path, hashes: Mapping[SampleId, SampleHashes], *, own: bool) -> Masks | None:
    try:
        folder = MaskFolder.open(path.absolute())
    except DataError as error:
        if own or error.kind != "masks_missing":
            raise
        return None
    return {sample: asset for sample in hashes if (asset := folder.find(sample)) is not None}


def _lists(folder: Path, sample_set: str, manifest: NtuManifest) -> SampleLists:
    """The published splits, complete: also samples that the publisher did not have keep their place in them."""
    path = folder / provenance_folder(sample_set) / SPLITS_FILE
    try:
        document = json.loads(path.read_bytes())["splits"]
        splits = {
            name: Split(name, value["rule"], tuple(map(SampleId.parse, value["ids"])))
            for name, value in document.items()
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: cannot be read ({error})", kind="publication_unreadable", file=str(path)) from error
    for name, split in splits.items():
        if split.sha256 != manifest.splits[name].sha256:
            raise DataError(
                f"{path}: split {name} has another fingerprint than the manifest says; fetch the publication again",
                kind="publication_unreadable",
                file=str(path),
            )
    return SampleLists(
        declaration=manifest.lists.declaration,
        files={**manifest.lists.files, PUBLICATION_FILE: file_sha256(folder / PUBLICATION_FILE)},
        splits=splits,
        missing_skeletons=frozenset(),
    )
