"""`manifest.json` and `problems.jsonl` of a store of annotated photographs, and opening such a store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.manifest import ShardEntry, Tool, manifest_kind, read_manifest
from hcmoco_bench.prepare.store import PROBLEMS_FILE, row_groups, shard_split
from hcmoco_bench.uniform import spread

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_SHA256 = Field(pattern=r"^[0-9a-f]{64}$")

LICENSES = {
    "mpii": "Pictures of MPII Human Pose, from the web: for research, not to be redistributed (http://human-pose.mpi-inf.mpg.de).",
    "coco": "Pictures of COCO, from Flickr, each under its own licence; annotations CC BY 4.0 (https://cocodataset.org).",
}

_KIND: Final = "keypoint-images"


def holds_photographs(path: Path) -> bool:
    """Whether the finished store in a folder is one of photographs; False also if there is none."""
    return manifest_kind(path) == _KIND


class KeypointSplit(BaseModel):
    """One split: its annotation file's hash, and how many images and people are in the store."""

    model_config = _FROZEN
    annotations_sha256: str = _SHA256
    images: int = Field(ge=0)
    people: int = Field(ge=0)


class KeypointManifest(BaseModel):
    """The whole manifest. No timestamps, no paths, nothing about workers: two machines write the same bytes.

    Attributes:
        schema_version: 1; key `schema` in the file.
        kind: Tells it from the manifest of an NTU store.
        tool: What made it.
        dataset: `mpii` or `coco`.
        license: What the images may be used for.
        joints: Joint set of all people.
        rows_per_shard: Images planned for a shard.
        plan_sha256: Fingerprint of options, annotations and images.
        splits: By name.
        shards: By file name, `<split>-NNNNN-of-NNNNN.parquet`.
        problems: Number of lines of `problems.jsonl` by kind.
        problems_sha256: Hash of `problems.jsonl`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["keypoint-images"] = "keypoint-images"
    tool: Tool
    dataset: Literal["mpii", "coco"]
    license: str = Field(validation_alias=AliasChoices("license", "licence"), serialization_alias="licence")
    joints: str
    rows_per_shard: int = Field(ge=1)
    plan_sha256: str = _SHA256
    splits: dict[str, KeypointSplit]
    shards: dict[str, ShardEntry]
    problems: dict[str, int]
    problems_sha256: str = _SHA256

    def to_json(self) -> str:
        """The file's content: indented JSON with sorted keys and a final newline."""
        return dump_json(self.model_dump(mode="json", by_alias=True))


@dataclass(frozen=True)
class KeypointStore:
    """A finished store of annotated photographs.

    Attributes:
        path: The folder.
        manifest: What it holds.
    """

    path: Path
    manifest: KeypointManifest

    @classmethod
    def open(cls, path: Path) -> KeypointStore:
        """Open the store in a folder; raises StoreError if there is none, or one of another kind."""
        manifest = read_manifest(
            path,
            KeypointManifest,
            missing="run `hcmoco-bench prepare mpii` or `prepare coco`",
            foreign="not the manifest of a store of photographs ({why}); give the store of `prepare mpii` or "
            "`prepare coco`",
        )
        return cls(path, manifest)

    def shards(self, split: str) -> tuple[Path, ...]:
        """Paths of a split's shards in order; raises StoreError if there is no such split."""
        if split not in self.manifest.splits:
            raise StoreError(f"{self.path}: no split {split!r}; it has {', '.join(self.manifest.splits)}")
        return tuple(self.path / file for file in sorted(self.manifest.shards) if shard_split(file) == split)

    def spread(self, number: int) -> list[str]:
        """Ids of up to `number` images, at even distances over all splits, from the middle of each stretch."""
        shards = (path for split in self.manifest.splits for path in self.shards(split))
        tables = (table for path in shards for table in row_groups(path, ["image_id"], None))
        return spread([image_id for table in tables for image_id in table["image_id"].to_pylist()], number)

    def find(self, image_id: str) -> dict[str, Any]:
        """The row of one image; raises StoreError if it is not in the store, with its problem line if it has one."""
        for row in self._rows(image_id):
            return row
        reason = next(
            (problem.reason for problem in self.problems() if Path(problem.id).stem == image_id),
            "ids are the images' names without their suffix",
        )
        raise StoreError(f"{self.path}: image {image_id} is not in the store: {reason}")

    def _rows(self, image_id: str) -> Iterator[dict[str, Any]]:
        for split in self.manifest.splits:
            for path in self.shards(split):
                for table in row_groups(path, None, frozenset([image_id]), key="image_id"):
                    yield from table.to_pylist()

    def problems(self) -> tuple[Problem, ...]:
        """The lines of `problems.jsonl`."""
        path = self.path / PROBLEMS_FILE
        try:
            return tuple(Problem.from_json(line) for line in path.read_text("utf-8").split("\n") if line)
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"{path}: cannot be read as problem lines ({error}); prepare anew") from error
