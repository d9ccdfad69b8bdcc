"""The manifest of a store of annotated photographs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import AliasChoices, Field, model_validator

from hcmoco_bench.store.manifest import SHA256_PATTERN, SplitCount, StoreManifest

VERSION: Final = 3
"""Version of manifest and columns that is written; 1 and 2 are read, too."""

LICENSES: Final = {
    "mpii": "Pictures of MPII Human Pose, from the web: for research, not to be redistributed (http://human-pose.mpi-inf.mpg.de).",
    "coco": "Pictures of COCO, from Flickr, each under its own licence; annotations CC BY 4.0 (https://cocodataset.org).",
}


class KeypointSplit(SplitCount):
    """One split. `rows` counts all images, `images` those with people to learn from.

    Attributes:
        annotations_sha256: Hash of its annotation file.
        images: Number of images with people to learn from.
        people: Number of these people.
    """

    annotations_sha256: str = Field(pattern=SHA256_PATTERN)
    images: int = Field(ge=0)
    people: int = Field(ge=0)

    @model_validator(mode="before")
    @classmethod
    def _of_version_1(cls, values: Any) -> Any:
        """Version 1 had images with people alone, and counted nothing else."""
        if isinstance(values, dict) and "images" in values and "rows" not in values:
            return {"expected": values["images"], "rows": values["images"], **values}
        return values


class KeypointManifest(StoreManifest):
    """The whole manifest.

    Attributes:
        schema_version: 3; 2 for stores without boxes of people and heads and without the images' numbers; 1 for stores
            without areas, crowds and images without people besides.
        kind: Name of the kind.
        dataset: `mpii` or `coco`.
        generated: Whether the people are generated; None in version 1, which does not say.
        license: What the images may be used for.
        joints: Name of the joint set of all people.
        joint_names: Names of the joints in the order of the columns; None in version 1.
        rows_per_shard: Images planned for a shard.
    """

    schema_version: Literal[1, 2, 3] = Field(default=VERSION, alias="schema")
    kind: Literal["keypoint-images"] = "keypoint-images"
    dataset: Literal["mpii", "coco"]
    generated: bool | None = None
    license: str = Field(validation_alias=AliasChoices("license", "licence"), serialization_alias="licence")
    joints: str
    joint_names: tuple[str, ...] | None = None
    rows_per_shard: int = Field(ge=1)
    splits: Mapping[str, KeypointSplit]

    @model_validator(mode="after")
    def _check_version(self) -> KeypointManifest:
        if self.schema_version > 1 and None in (self.generated, self.joint_names, self.splits_sha256):
            raise ValueError(f"version {self.schema_version} states generated, joint_names and splits_sha256")
        return self
