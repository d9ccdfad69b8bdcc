"""What a reader of a score should know about data that is no longer what the model's training found."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.data.data_record import (
    UNRECORDED,
    DataRecord,
    StoreRecord,
    record_stores,
    sample_changes,
    store_changes,
)
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData


def data_notes(trained: DataRecord | None, config: FinetuneSettings, data: TaskData) -> list[str]:
    """Whether the scored data was prepared anew since a model's training, or is of another store.

    Args:
        trained: The data as the training found it; None for checkpoints of earlier versions, which do not tell.
        config: The settings of the scoring.
        data: The split that is scored.

    Returns:
        A note that says what has changed, or that nobody can tell; nothing where the data is the same.
    """
    if trained is None:
        return [UNRECORDED]
    scored = [store for store in record_stores(config.stores) if store.manifest_sha256 == data.manifest_sha256]
    if scored:
        return _store_notes(trained, scored[0])
    before = trained.samples.get(data.split)
    what = "" if before is None else sample_changes(f"split {data.split}", before, data.record)
    return [f"{data.name} has changed since the model was trained: {what}"] if what else []


def _store_notes(trained: DataRecord, scored: StoreRecord) -> list[str]:
    if not trained.stores or any(not store_changes(store, scored) for store in trained.stores):
        return []
    at_path = [store for store in trained.stores if Path(store.path).absolute() == Path(scored.path).absolute()]
    before = (at_path or list(trained.stores))[0]
    what = store_changes(before, scored)
    if at_path:
        return [f"the store {Path(scored.path).name} was prepared anew since the model was trained: {what}"]
    return [f"the scored store is another than {Path(before.path).name}, which the model was trained on: {what}"]
