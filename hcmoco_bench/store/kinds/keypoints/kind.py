"""Stores of annotated photographs (MPII, COCO) as a kind: images as they are, and their people's joints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final, TypeAlias

import pyarrow as pa

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.arrays.photographs import PhotographArrays, decode_photograph
from hcmoco_bench.store.kind import Capabilities, StoreKind
from hcmoco_bench.store.kinds.keypoints.columns import (
    SCHEMA,
    SCHEMA_1,
    SCHEMA_2,
    image_id,
    people_counts,
    upgraded_table,
)
from hcmoco_bench.store.kinds.keypoints.manifest import VERSION, KeypointManifest
from hcmoco_bench.store.kinds.keypoints.row_check import keypoint_row_failures
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.shards import shard_split
from hcmoco_bench.store.store import Store
from hcmoco_bench.store.verification import Failure, ShardFindings

KeypointStore: TypeAlias = Store[KeypointManifest]
"""A finished store of annotated photographs; `KEYPOINTS.open` opens one."""

_TITLES: Final = {"mpii": "MPII Human Pose", "coco": "COCO keypoints"}


class KeypointKind(StoreKind[KeypointManifest]):
    """Stores that `prepare mpii` and `prepare coco` write.

    An image that two annotation files describe is in both splits.
    """

    name: ClassVar[str] = "keypoint-images"
    title: ClassVar[str] = "photographs"
    maker: ClassVar[str] = "`hcmoco-bench prepare mpii` or `prepare coco`"
    foreign: ClassVar[str | None] = (
        "not the manifest of a store of photographs ({why}); give the store of `prepare mpii` or `prepare coco`"
    )
    manifest_model = KeypointManifest
    key: ClassVar[str] = "image_id"
    noun: ClassVar[str] = "image"
    id_hint: ClassVar[str] = "ids are the images' names without their suffix"
    statistics: ClassVar[tuple[str, ...]] = ("image_id",)
    once: ClassVar[bool] = False

    def schema(self, manifest: KeypointManifest) -> pa.Schema:
        """See `StoreKind.schema`."""
        return {1: SCHEMA_1, 2: SCHEMA_2}.get(manifest.schema_version, SCHEMA)

    def capabilities(self, manifest: KeypointManifest) -> Capabilities:
        """See `StoreKind.capabilities`."""
        return Capabilities(rgb="image", people=True, joints=manifest.joints, generated=manifest.generated)

    def decode(self, row: Mapping[str, Any]) -> PhotographArrays:
        """See `StoreKind.decode`."""
        return decode_photograph(row)

    def dataset(self, manifest: KeypointManifest) -> str:
        """See `StoreKind.dataset`."""
        return _TITLES[manifest.dataset]

    def row_failures(self, row: Mapping[str, Any], manifest: KeypointManifest) -> Iterator[str]:
        """See `StoreKind.row_failures`."""
        return keypoint_row_failures(row, manifest)

    def upgraded(self, table: pa.Table, manifest: KeypointManifest) -> pa.Table:
        """See `StoreKind.upgraded`."""
        return upgraded_table(table) if manifest.schema_version < VERSION else table

    def other_ids(self, row: Mapping[str, Any]) -> list[str]:
        """Ids of all people of an image."""
        return [str(person["person_id"]) for person in [*(row["people"] or ()), *(row.get("ignored") or ())]]

    def counts(self, row: Mapping[str, Any]) -> dict[str, int]:
        """Images with people to learn from, and these people."""
        return people_counts(row)

    def row_id(self, text: str) -> str:
        """The key of an image from its name with or without suffix."""
        return image_id(text)

    def problem_row(self, problem: Problem) -> str | None:
        """The image that a problem line is about; None for lines about people."""
        return image_id(problem.id) if problem.kind.startswith("image_") else None

    def failures(self, store: KeypointStore, findings: Mapping[str, ShardFindings]) -> Iterator[Failure]:
        """Counts of images and people, names of joints, and the order of rows that no list declares."""
        manifest = store.manifest
        names = joint_set(manifest.joints).joints
        if manifest.joint_names not in (None, names):
            yield Failure(
                MANIFEST_FILE, "", f"names the joints of {manifest.joints} {manifest.joint_names}, not {names}"
            )
        for split, stated in manifest.splits.items():
            shards = [shard for file, shard in findings.items() if shard_split(file) == split]
            found = tuple(sum(shard.counts[name] for shard in shards) for name in ("images", "people"))
            if found != (stated.images, stated.people):
                reason = (
                    f"split {split}: {found[0]} images and {found[1]} people are there, the manifest says "
                    f"{stated.images} and {stated.people}"
                )
                yield Failure(MANIFEST_FILE, "", reason)
            ids = [row_id for shard in shards for row_id in shard.ids]
            if manifest.splits_sha256 is None and ids != sorted(ids):
                yield Failure(MANIFEST_FILE, "", f"split {split}: its rows are not in the order of the images' names")


KEYPOINTS: Final = KeypointKind()
