"""`splits.json`: the splits that a store declares, with the ids that each should have, in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.files.outside_text import storable

SPLITS_FILE: Final = "splits.json"


class SplitIds(BaseModel):
    """One split of `splits.json`: its rule in words, fingerprint, and the ids it should have, in list order."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    rule: str
    sha256: str
    ids: tuple[str, ...]

    @classmethod
    def of(cls, rule: str, ids: tuple[str, ...]) -> SplitIds:
        """The split of these ids, made `storable`, with their fingerprint."""
        ids = tuple(map(storable, ids))
        return cls(rule=storable(rule), sha256=fingerprint(ids), ids=ids)


def read_splits(store: Path) -> dict[str, SplitIds]:
    """Read a store's splits.

    Raises:
        StoreError: If the file is missing or holds something else.
    """
    path = store / SPLITS_FILE
    try:
        document = json.loads(path.read_bytes())
        return {name: SplitIds.model_validate(value) for name, value in document["splits"].items()}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise StoreError(f"{path}: cannot be read as the store's splits ({error}); prepare anew") from error


def write_splits(store: Path, declaration: str, splits: Mapping[str, SplitIds]) -> None:
    """Write a store's splits atomically.

    Args:
        store: The store's folder.
        declaration: Name of what declares the splits, e.g. `official`.
        splits: Splits by name.
    """
    document = {name: split.model_dump(mode="json") for name, split in splits.items()}
    write_atomic(store / SPLITS_FILE, dump_json({"declaration": declaration, "splits": document}))
