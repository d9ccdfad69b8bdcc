"""What a run learned from: fingerprints of its stores and samples, and what has changed since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.hashing import bytes_sha256, json_sha256
from hcmoco_bench.store.manifest import MANIFEST_FILE

_FROZEN = ConfigDict(frozen=True, extra="forbid")

_NO_CONTENT: Final = frozenset(
    {"tool", "plan_sha256", "problems", "problems_sha256", "inputs", "lists", "generated_people"}
)
"""Keys of a manifest that may change while the rows stay the same."""

_NAMED_CHANGES: Final = 5

UNRECORDED: Final = (
    "the checkpoint is of an earlier version, which did not record its data; whether the data is the same is not known"
)
"""What is said of a checkpoint without a record of its data."""


class StoreRecord(BaseModel):
    """A prepared store as a run found it.

    Attributes:
        path: Folder of the store, as it was given.
        manifest_sha256: SHA-256 of its manifest.
        content_sha256: Fingerprint of what the manifest says of the rows; the same for stores with the same rows that
            two versions of the program have prepared.
        manifest: The manifest without its shards.
    """

    model_config = _FROZEN
    path: str
    manifest_sha256: str
    content_sha256: str
    manifest: dict[str, Any]


class SamplesRecord(BaseModel):
    """The samples of a split or data set as a run found them.

    Attributes:
        rows: Number of samples.
        ids_sha256: Fingerprint of their ids in their order; None where samples have no ids.
        source_sha256: SHA-256 of the store's manifest or of the annotation files; None where there is neither.
    """

    model_config = _FROZEN
    rows: int
    ids_sha256: str | None = None
    source_sha256: str | None = None


class DataRecord(BaseModel):
    """All that a run learned from and was scored on; it lies in the run's folder and in its checkpoints.

    Attributes:
        stores: The stores, in the order of the settings; folders without a manifest are left out.
        samples: The samples by the name of their split or data set.
    """

    model_config = _FROZEN
    stores: tuple[StoreRecord, ...] = ()
    samples: dict[str, SamplesRecord] = {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoints and JSON."""
        return self.model_dump(mode="json")


def read_data_record(values: Any, source: str) -> DataRecord | None:
    """The record of a checkpoint or file; None if it has none, as those of earlier versions.

    Raises:
        DataError: If it is no such record (`data_record`).
    """
    if values is None:
        return None
    try:
        return DataRecord.model_validate(values)
    except ValidationError as error:
        raise DataError(
            f"{source}: cannot tell what the run learned from ({error.errors()[0]['msg']}); use another copy",
            kind="data_record",
            file=source,
        ) from error


def record_stores(stores: Iterable[str]) -> tuple[StoreRecord, ...]:
    """Record the stores in these folders, of any kind; a folder without a manifest is left out."""
    return tuple(record for record in map(_record_store, stores) if record is not None)


def store_changes(before: StoreRecord, now: StoreRecord) -> str:
    """What differs between two states of a store, e.g. `options.align was homography and is registered`.

    Empty if both have the same rows.
    """
    if before.content_sha256 == now.content_sha256:
        return ""
    was, is_now = dict(_flat(before.manifest)), dict(_flat(now.manifest))
    names = sorted({*was, *is_now}, key=lambda name: (not name.startswith(("options", "splits")), name))
    changed = [
        f"{name} was {was.get(name, 'absent')} and is {is_now.get(name, 'absent')}"
        for name in names
        if was.get(name) != is_now.get(name) and not name.endswith("sha256")
    ]
    if not changed:
        return "its settings and counts are the same, its rows or pixels are not"
    more = len(changed) - _NAMED_CHANGES
    return "; ".join(changed[:_NAMED_CHANGES]) + (f"; and {more} more differences" if more > 0 else "")


def data_changes(before: DataRecord, now: DataRecord) -> tuple[str, ...]:
    """What differs between the data that a run began with and that of now, a phrase each; empty if nothing does."""
    found = []
    for old, new in zip(before.stores, now.stores, strict=False):
        what = store_changes(old, new)
        if what:
            found.append(f"{new.path} was prepared anew ({what})")
    if len(before.stores) != len(now.stores):
        found.append(f"there were {len(before.stores)} stores and there are {len(now.stores)}")
    for name, samples in before.samples.items():
        # What comes from a store is compared with the store.
        apart = not (before.stores or now.stores) or (samples.ids_sha256 and not samples.source_sha256)
        if apart and name in now.samples:
            found.append(sample_changes(name, samples, now.samples[name]))
    return tuple(change for change in found if change)


def sample_changes(name: str, before: SamplesRecord, now: SamplesRecord) -> str:
    """What differs between two states of the samples of a split or data set; empty if nothing does."""
    if before.rows != now.rows:
        return f"{name} had {before.rows:,} samples and has {now.rows:,}"
    if before.ids_sha256 != now.ids_sha256:
        return f"{name} has other samples or another order"
    return f"the annotations of {name} are others" if before.source_sha256 != now.source_sha256 else ""


def _record_store(path: str) -> StoreRecord | None:
    try:
        content = (Path(path) / MANIFEST_FILE).read_bytes()
        manifest = json.loads(content)
    except (OSError, ValueError):
        return None  # a store that cannot be opened is reported by whoever opens it
    if not isinstance(manifest, dict):
        return None
    return StoreRecord(
        path=path,
        manifest_sha256=bytes_sha256(content),
        content_sha256=json_sha256({key: value for key, value in manifest.items() if key not in _NO_CONTENT}),
        manifest={key: value for key, value in manifest.items() if key != "shards"},
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
