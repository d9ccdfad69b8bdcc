"""NTU stores as a kind: RGB in the depth frame, depth, part masks and skeletons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.body import part_table
from hcmoco_bench.body.annotation_files import read_table
from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.lists import DECLARATION, OFFICIAL
from hcmoco_bench.store.arrays.samples import SampleArrays, decode_row
from hcmoco_bench.store.kind import Capabilities, StoreKind
from hcmoco_bench.store.kinds.ntu.columns import NAME_COLUMNS, store_schema
from hcmoco_bench.store.kinds.ntu.manifest import NtuManifest
from hcmoco_bench.store.kinds.ntu.row_check import ntu_row_failures
from hcmoco_bench.store.splits import SPLITS_FILE
from hcmoco_bench.store.store import Store
from hcmoco_bench.store.verification import Failure, ShardFindings

CALIBRATION_FILE: Final = "calibration.json"
RIG_PROBLEMS_FILE: Final = ".calibration-problems.jsonl"
"""The calibration's problem lines, until they are in `problems.jsonl`."""

NtuStore: TypeAlias = Store[NtuManifest]
"""A finished NTU store; `NTU.open` opens one."""


class NtuKind(StoreKind[NtuManifest]):
    """Stores that `prepare ntu` and `join` write."""

    name: ClassVar[str] = "ntu"
    title: ClassVar[str] = "NTU"
    maker: ClassVar[str] = "`hcmoco-bench prepare ntu`"
    foreign: ClassVar[str | None] = "not a manifest of version 1 of an NTU store ({why}); prepare anew"
    manifest_model = NtuManifest
    statistics: ClassVar[tuple[str, ...]] = ("sample_id", *NAME_COLUMNS)
    files: ClassVar[tuple[str, ...]] = (CALIBRATION_FILE,)
    hidden: ClassVar[tuple[str, ...]] = (RIG_PROBLEMS_FILE,)

    def schema(self, manifest: NtuManifest) -> pa.Schema:
        """See `StoreKind.schema`."""
        return store_schema(parts=manifest.parts)

    def capabilities(self, manifest: NtuManifest) -> Capabilities:
        """See `StoreKind.capabilities`."""
        return Capabilities(
            rgb="rgb",
            depth=not manifest.options.rgb_only,
            parts=manifest.parts,
            bodies=True,
            joints="kinect25",
            group="performer",
            rigs=True,
            labeled=manifest.options.set == "parsing4k",
            rgb_shows_depth=manifest.options.align == "registered",
            generated=manifest.source.generated,
            publishable=True,
        )

    def row_failures(self, row: Mapping[str, Any], manifest: NtuManifest) -> Iterator[str]:
        """See `StoreKind.row_failures`."""
        return ntu_row_failures(row, manifest)

    def decode(self, row: Mapping[str, Any]) -> SampleArrays:
        """See `StoreKind.decode`."""
        return decode_row(row)

    def dataset(self, manifest: NtuManifest) -> str:
        """See `StoreKind.dataset`."""
        return "NTURGBD-Parsing-4K"

    def class_weights(self, manifest: NtuManifest) -> NDArray[np.float32] | None:
        """See `StoreKind.class_weights`; published with NTURGBD-Parsing-4K."""
        return part_table().weights

    def hashes(self, manifest: NtuManifest) -> dict[str, str]:
        """See `StoreKind.hashes`."""
        return {CALIBRATION_FILE: manifest.calibration_sha256}

    def failures(self, store: NtuStore, findings: Mapping[str, ShardFindings]) -> Iterator[Failure]:
        """The calibration's form, and splits against the packaged declaration of the official lists."""
        try:
            Calibration.load(store.path / CALIBRATION_FILE)
        except DataError as error:
            yield Failure(CALIBRATION_FILE, "", str(error))
        manifest = store.manifest
        if manifest.lists.declaration != OFFICIAL or manifest.options.set != "parsing4k":
            return
        official = {rule["name"]: rule["sha256"] for rule in read_table(DECLARATION)["split"]}
        if official.keys() != manifest.splits.keys():
            yield Failure(SPLITS_FILE, "", f"has splits {sorted(store.splits)}, official are {sorted(official)}")
        for name, split in store.splits.items():
            if split.sha256 != official.get(name, split.sha256):
                reason = (
                    f"split {name}: the fingerprint of its ids is {split.sha256[:12]}, not that of the official list"
                )
                yield Failure(SPLITS_FILE, "", reason)


NTU: Final = NtuKind()
