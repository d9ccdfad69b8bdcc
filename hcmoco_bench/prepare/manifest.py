"""`manifest.json`: what a store holds, what it was made from, and the hash of every file of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.prepare.options import PrepareOptions

MANIFEST_FILE = "manifest.json"
"""Written last: its presence means that the store is complete."""

LICENSE_NTU = (
    "Pixels from NTU RGB+D / NTU RGB+D 120, (c) ROSE Lab, Nanyang Technological University: for academic research "
    "only, not to be redistributed (https://rose1.ntu.edu.sg/dataset/actionRecognition/)."
)
LICENSE_GENERATED = "Generated people, no recordings: CC0-1.0, free for any use."

ManifestT = TypeVar("ManifestT", bound=BaseModel)

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_SHA256 = Field(pattern=r"^[0-9a-f]{64}$")


class Tool(BaseModel):
    """The program that made the store."""

    model_config = _FROZEN
    name: Literal["hcmoco-bench"] = "hcmoco-bench"
    version: str


class Source(BaseModel):
    """Where the pixels come from; `generated` decides whether they may be handed on."""

    model_config = _FROZEN
    dataset: Literal["ntu-rgbd"] = "ntu-rgbd"
    generated: bool
    license: str = Field(validation_alias=AliasChoices("license", "licence"), serialization_alias="licence")


class Lists(BaseModel):
    """The sample lists: the name of their declaration, and each file's SHA-256."""

    model_config = _FROZEN
    declaration: str
    files: dict[str, str]


class Inputs(BaseModel):
    """The clips that were used: their number, and a hash over their names, parts present and sizes in bytes."""

    model_config = _FROZEN
    n_clips: int = Field(ge=0)
    sha256: str = _SHA256


class SplitCount(BaseModel):
    """A split: how many samples it should have, how many are in the store, fingerprint of the ids it should have."""

    model_config = _FROZEN
    expected: int = Field(ge=0)
    rows: int = Field(ge=0)
    sha256: str = _SHA256


class ShardEntry(BaseModel):
    """A shard: hash and size of the file, number of its rows."""

    model_config = _FROZEN
    sha256: str = _SHA256
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)


class Manifest(BaseModel):
    """The whole manifest. No timestamps, no paths, nothing about workers: two machines write the same bytes.

    Attributes:
        schema_version: 1; key `schema` in the file.
        tool: What made it.
        source: Data set and license.
        options: Everything that was asked for (`options.set` is the sample set).
        lists: The sample lists.
        inputs: Fingerprint of the raw clips.
        plan_sha256: Fingerprint of options, lists and inputs together; a run with the same plan makes the same store.
        splits: By name; splits such as `train_20` are selections out of the stored shards.
        parts: Whether there is a `parts` column.
        shards: By file name, `<split>-NNNNN-of-NNNNN.parquet`.
        problems: Number of lines of `problems.jsonl` by kind.
        calibration_sha256: Hash of `calibration.json`.
        splits_sha256: Hash of `splits.json`.
        problems_sha256: Hash of `problems.jsonl`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    tool: Tool
    source: Source
    options: PrepareOptions
    lists: Lists
    inputs: Inputs
    plan_sha256: str = _SHA256
    splits: dict[str, SplitCount]
    parts: bool
    shards: dict[str, ShardEntry]
    problems: dict[str, int]
    calibration_sha256: str = _SHA256
    splits_sha256: str = _SHA256
    problems_sha256: str = _SHA256

    def to_json(self) -> str:
        """The file's content: indented JSON with sorted keys and a final newline."""
        return dump_json(self.model_dump(mode="json", by_alias=True))

    @classmethod
    def load(cls, store: Path) -> Manifest:
        """Read `manifest.json` of a store.

        Raises:
            StoreError: If it is missing (no store, or not finished) or not a manifest of this version.
        """
        return read_manifest(
            store, cls, missing="run prepare", foreign="not a manifest of version 1 ({why}); prepare anew"
        )


def read_manifest(store: Path, model: type[ManifestT], *, missing: str, foreign: str) -> ManifestT:
    """Read `manifest.json` of a store of any kind.

    Args:
        store: The folder.
        model: What it must be.
        missing: What to do if there is none.
        foreign: What is said of one that is not of `model`; `{why}` is the first reason.

    Raises:
        StoreError: If it is missing (no store, or not finished), cannot be read, or is not of `model`.
    """
    path = store / MANIFEST_FILE
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise StoreError(f"{store}: no finished store here ({MANIFEST_FILE} is missing); {missing}") from error
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise StoreError(f"{path}: {foreign.replace('{why}', why)}") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error


def manifest_kind(store: Path) -> str | None:
    """What the finished store in a folder calls its kind; None if there is no store, or it calls it nothing."""
    try:
        manifest = json.loads((store / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    return manifest.get("kind") if isinstance(manifest, dict) else None
