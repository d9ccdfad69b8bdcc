"""`publication.json`: what a published folder holds, so that it can be checked, replaced, pushed and joined."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import json_text
from hcmoco_bench.hub.features import ANNOTATION_SPLITS
from hcmoco_bench.store.kinds.ntu import Source
from hcmoco_bench.store.manifest import Tool

PUBLICATION_FILE = "publication.json"
"""Lies beside the card; `datasets` does not read it."""


def provenance_folder(sample_set: str) -> str:
    """Folder, below the dataset's, with the manifest and splits of the store of a sample set."""
    return f"provenance/{ANNOTATION_SPLITS[sample_set]}"


_FROZEN = ConfigDict(frozen=True, extra="forbid")


class PublishedStore(BaseModel):
    """A store that went in.

    Attributes:
        set: Its sample set, `parsing4k` or `pretrain`.
        source: Its source and license.
        manifest_sha256: SHA-256 (hex) of its `manifest.json`.
    """

    model_config = _FROZEN
    set: str
    source: Source
    manifest_sha256: str


class PublishedFile(BaseModel):
    """A file of the folder: hash and size; number of rows of a data file, 0 for others."""

    model_config = _FROZEN
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    rows: int = Field(default=0, ge=0)


class Publication(BaseModel):
    """The whole record.

    Attributes:
        format: Says that the folder was written by `publish`.
        tool: What wrote it.
        name: What `load_dataset` takes in the card's examples: the folder's name, or `USER/NAME`.
        stores: What it was made from.
        pixels: Whether a configuration holds color or depth images.
        masks: Whether `annotations` holds part masks.
        configurations: Rows by configuration and split.
        left_out: `configuration/split` of splits that have no sample in the store; `datasets` has no empty splits.
        files: Every other file of the folder by its path with forward slashes.
    """

    model_config = _FROZEN
    format: Literal["hcmoco-bench publication 1"] = "hcmoco-bench publication 1"
    tool: Tool
    name: str
    stores: tuple[PublishedStore, ...]
    pixels: bool
    masks: bool
    configurations: dict[str, dict[str, int]] = Field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    files: dict[str, PublishedFile] = Field(default_factory=dict)

    @property
    def generated(self) -> bool:
        """Whether everything in it is generated, so that nobody's license is touched."""
        return all(store.source.generated for store in self.stores)

    def save(self, folder: Path) -> None:
        """Write `publication.json`."""
        # Not sorted: configurations and splits keep their order.
        text = json_text(self.model_dump(mode="json", by_alias=True), indent=2)
        (folder / PUBLICATION_FILE).write_text(f"{text}\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Publication:
        """Read `publication.json` of a published folder.

        Raises:
            DataError: Kind `publication_unreadable`: missing or not of this format.
        """
        path = folder / PUBLICATION_FILE
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            why = "is missing"
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
        except ValidationError as error:
            why = f"is not of this format ({error.errors()[0]['msg']})"
        raise DataError(
            f"{path}: {why}; give a folder that `hcmoco-bench publish` wrote",
            kind="publication_unreadable",
            file=str(path),
        )
