"""Where the stores, folders and checkpoints lie that a run's settings name."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.audit.sets import Material
from hcmoco_bench.data.data_record import DataRecord, StoreRecord, read_data_record, record_stores, store_changes
from hcmoco_bench.files.json import read_json
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.training.run_folder import DATA_FILE


def find_place(path: str, run: Path) -> Path | None:
    """A file or folder of a run's settings; relative ones are looked for here, and in the folders above the run.

    Args:
        path: As the settings have it.
        run: The run's folder or file.
    """
    return next((place for place in _places(path, run) if place.exists()), None)


def find_store(path: str, run: Path, record: DataRecord | None) -> Path | None:
    """A store of a run's settings: the one that the run found, or else the one that lies where it was.

    Args:
        path: As the settings have it.
        run: The run's folder or file.
        record: What the run found; None if that is not known.
    """
    found = [place for place in _places(path, run) if (place / MANIFEST_FILE).is_file()]
    before = recorded_store(path, record)
    same = [place for place in found if before is not None and not _store_changed(before, place)]
    return next(iter([*same, *found]), None)


def run_record(folder: Path) -> DataRecord | None:
    """What the run in a folder found; None for runs of earlier versions, which did not record it.

    Raises:
        DataError: If the record is damaged.
    """
    path = folder / DATA_FILE
    return read_data_record(read_json(path, kind="data_record"), str(path)) if path.is_file() else None


def recorded_store(path: str, record: DataRecord | None) -> StoreRecord | None:
    """What a run recorded of the store of its settings at a path."""
    stores = () if record is None else record.stores
    return next((store for store in stores if store.path == path), None)


def tell_changed_store(path: str, store: Path, run: Path, record: DataRecord | None, material: Material) -> None:
    """Say that a store is not as a run found it, if that is so; see `find_store`."""
    before = recorded_store(path, record)
    changed = "" if before is None else _store_changed(before, store)
    if changed:
        material.problem(
            "store_changed",
            str(store),
            f"{store}: was prepared anew since {run} learned from it ({changed}); it is compared as it is now",
        )


def _store_changed(before: StoreRecord, place: Path) -> str:
    """What has changed in a store since a run recorded it; empty if its rows are the same."""
    return "; ".join(filter(None, (store_changes(before, now) for now in record_stores([str(place)]))))


def _places(path: str, run: Path) -> list[Path]:
    given = Path(path)
    return [given] if given.is_absolute() else [given, *(folder / given for folder in run.absolute().parents)]
