"""`manifest.json` of a Human3.6M store, and opening such a store."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from hcmoco_bench.files.json import dump_json
from hcmoco_bench.prepare.manifest import ShardEntry, SplitCount, Tool, manifest_kind, read_manifest
from hcmoco_bench.prepare.schema import IMAGE
from hcmoco_bench.prepare.store import SplitStore

LICENSE: Final = "Pixels from Human3.6M: for academic research only, not to be redistributed (http://vision.imar.ro/human3.6m/eula.php)."
KIND: Final = "human36m"

SCHEMA: Final = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("subject", pa.int32(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("camera", pa.string(), nullable=False),
        pa.field("frame", pa.int32(), nullable=False),
        pa.field("rgb", IMAGE),
        pa.field("parts", IMAGE),
    ]
)
"""One row a frame, counted from 0. `rgb`: JPEG in the video's size; `parts`: 8-bit PNG of class indices, as large."""

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_SHA256 = Field(pattern=r"^[0-9a-f]{64}$")


class Human36mSource(BaseModel):
    """Where the pixels come from; `generated` decides whether they may be handed on."""

    model_config = _FROZEN
    dataset: Literal["human36m"] = "human36m"
    generated: bool
    license: str = Field(validation_alias=AliasChoices("license", "licence"), serialization_alias="licence")


class Human36mChoice(BaseModel):
    """What the store was asked to be; everything here changes its bytes.

    Attributes:
        every: One frame of so many, from the first.
        jpeg_quality: Of the stored RGB.
        rows_per_shard: A shard is closed when it has so many rows; recordings are not divided.
    """

    model_config = _FROZEN
    every: int = Field(ge=1)
    jpeg_quality: int = Field(ge=1, le=100)
    rows_per_shard: int = Field(ge=1)


class Human36mManifest(BaseModel):
    """The whole manifest. No timestamps, no paths, nothing about workers: two machines write the same bytes.

    Attributes:
        schema_version: 1; key `schema` in the file.
        kind: Tells it from the manifests of other stores.
        tool: What made it.
        source: Data set and license.
        options: What was asked for.
        recordings: Videos that were used.
        plan_sha256: Fingerprint of options and inputs.
        splits: By name; splits such as `train_20` are selections out of the stored shards.
        parts: True: every row has part labels.
        shards: By file name, `<split>-NNNNN-of-NNNNN.parquet`.
        problems: Number of lines of `problems.jsonl` by kind.
        splits_sha256: Hash of `splits.json`.
        problems_sha256: Hash of `problems.jsonl`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    kind: Literal["human36m"] = KIND
    tool: Tool
    source: Human36mSource
    options: Human36mChoice
    recordings: int = Field(ge=0)
    plan_sha256: str = _SHA256
    splits: dict[str, SplitCount]
    parts: Literal[True] = True
    shards: dict[str, ShardEntry]
    problems: dict[str, int]
    splits_sha256: str = _SHA256
    problems_sha256: str = _SHA256

    def to_json(self) -> str:
        """The file's content: indented JSON with sorted keys and a final newline."""
        return dump_json(self.model_dump(mode="json", by_alias=True))


def holds_human36m(path: Path) -> bool:
    """Whether the finished store in a folder is one of Human3.6M; False also if there is none."""
    return manifest_kind(path) == KIND


class Human36mStore(SplitStore[Human36mManifest]):
    """A finished Human3.6M store."""

    @classmethod
    def open(cls, path: Path) -> Human36mStore:
        """Open the store in a folder; raises StoreError if there is none, or one of another kind."""
        manifest = read_manifest(
            path,
            Human36mManifest,
            missing="run `hcmoco-bench prepare human36m`",
            foreign="not the manifest of a Human3.6M store ({why}); give the store of `prepare human36m`",
        )
        return cls(path, manifest)
