"""`manifest.json`: what a store of any kind holds, what it was made from, and the hash of every file of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.json import dump_json

MANIFEST_FILE: Final = "manifest.json"
"""Written last: its presence means that the store is complete."""

LICENSE_GENERATED: Final = "Generated people, no recordings: CC0-1.0, free for any use."

SHA256_PATTERN: Final = r"^[0-9a-f]{64}$"

ModelT = TypeVar("ModelT", bound=BaseModel)

_FROZEN = ConfigDict(frozen=True, extra="forbid")


class Tool(BaseModel):
    """The program that made the store."""

    model_config = _FROZEN
    name: Literal["hcmoco-bench"] = "hcmoco-bench"
    version: str


class SplitCount(BaseModel):
    """One split in numbers.

    Attributes:
        expected: Number of samples that it should have.
        rows: Number of them that are in the store.
        sha256: Fingerprint of the ids that it should have; None if the store declares none.
    """

    model_config = _FROZEN
    expected: int = Field(ge=0)
    rows: int = Field(ge=0)
    sha256: str | None = Field(default=None, pattern=SHA256_PATTERN)


class DeclaredSplit(SplitCount):
    """A split whose ids are declared in `splits.json`."""

    sha256: str = Field(pattern=SHA256_PATTERN)


class ShardEntry(BaseModel):
    """A shard: hash and size of the file, number of its rows."""

    model_config = _FROZEN
    sha256: str = Field(pattern=SHA256_PATTERN)
    rows: int = Field(ge=0)
    bytes: int = Field(ge=0)


class StoreManifest(BaseModel):
    """What the manifests of all kinds have in common; a kind adds its own fields.

    A manifest holds no timestamps, no paths and nothing about workers: two machines write the same bytes. Every kind
    but NTU's, which is the oldest, adds a field `kind` with its name.

    Attributes:
        schema_version: Version of the kind's manifest and columns; key `schema` in the file.
        tool: The program that made the store.
        plan_sha256: Fingerprint of options and inputs together; a run with the same plan makes the same store.
        splits: Splits by name; splits such as `train_20` are selections out of the stored shards.
        shards: Shards by file name, `<split>-NNNNN-of-NNNNN.parquet`.
        problems: Number of lines of `problems.jsonl` by kind of problem.
        splits_sha256: Hash of `splits.json`; None in stores that have no such file.
        problems_sha256: Hash of `problems.jsonl`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: int = Field(default=1, alias="schema")
    tool: Tool
    plan_sha256: str = Field(pattern=SHA256_PATTERN)
    splits: Mapping[str, SplitCount]
    shards: dict[str, ShardEntry]
    problems: dict[str, int]
    splits_sha256: str | None = Field(default=None, pattern=SHA256_PATTERN)
    problems_sha256: str = Field(pattern=SHA256_PATTERN)

    @property
    def rows(self) -> int:
        """Number of rows of all shards."""
        return sum(entry.rows for entry in self.shards.values())

    def to_json(self) -> str:
        """The file's content: indented JSON with sorted keys and a final newline."""
        return dump_json(self.model_dump(mode="json", by_alias=True))


def read_manifest(folder: Path, model: type[ModelT], *, missing: str, foreign: str) -> ModelT:
    """Read `manifest.json` of a store of a known kind.

    Args:
        folder: The store's folder.
        model: Model that the manifest must fit.
        missing: What to do if there is none.
        foreign: What the message says of a manifest that does not fit; `{why}` stands for the first reason.

    Raises:
        StoreError: If it is missing (no store, or not finished), cannot be read, or does not fit `model`.
    """
    path = folder / MANIFEST_FILE
    if not folder.is_dir():
        raise StoreError(f"{folder}: no such folder; {missing}, or give the folder of a store")
    try:
        return model.model_validate_json(path.read_bytes())
    except FileNotFoundError as error:
        raise StoreError(f"{folder}: no finished store here ({MANIFEST_FILE} is missing); {missing}") from error
    except ValidationError as error:
        first = error.errors()[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise StoreError(f"{path}: {foreign.replace('{why}', why)}") from error
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror})") from error


def manifest_kind(folder: Path) -> str | None:
    """The kind that a finished store names in its manifest; None if there is no store, or it names none."""
    try:
        manifest = json.loads((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    kind = manifest.get("kind") if isinstance(manifest, dict) else None
    return None if kind is None else str(kind)
