"""Where the stores, folders and checkpoints lie that a run's settings name."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.data.data_record import DataRecord, StoreRecord, record_stores, store_changes
from hcmoco_bench.store.manifest import MANIFEST_FILE


def find_place(path: str, run: Path) -> Path | None:
    """A file or folder of a run's settings; relative ones are looked for here, and in the folders above the run.

    Args:
        path: As the settings have it.
        run: The run's folder or file.
    """
    given = Path(path)
    if given.is_absolute():
        return given if given.exists() else None
    places = [given, *(folder / given for folder in run.absolute().parents)]
    return next((place for place in places if place.exists()), None)


def find_store(path: str, run: Path, record: DataRecord | None) -> Path | None:
    """A store of a run's settings: the one that the run found, or else the one that lies where it was.

    Args:
        path: As the settings have it.
        run: The run's folder or file.
        record: What the run found; None if that is not known.
    """
    given = Path(path)
    places = [given] if given.is_absolute() else [given, *(folder / given for folder in run.absolute().parents)]
    found = [place for place in places if (place / MANIFEST_FILE).is_file()]
    before = recorded_store(path, record)
    same = [place for place in found if before is not None and not store_changed(before, place)]
    return next(iter([*same, *found]), None)


def recorded_store(path: str, record: DataRecord | None) -> StoreRecord | None:
    """What a run recorded of the store of its settings at a path."""
    stores = () if record is None else record.stores
    return next((store for store in stores if store.path == path), None)


def store_changed(before: StoreRecord, place: Path) -> str:
    """What has changed in a store since a run recorded it; empty if its rows are the same."""
    return "; ".join(filter(None, (store_changes(before, now) for now in record_stores([str(place)]))))
