"""What a fine-tuned model has learned from and is tested on, as its task opens both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hcmoco_bench.audit.places import find_place, find_store, run_record, tell_changed_store
from hcmoco_bench.audit.pretraining import follow_weights, mixture_parts, mixture_set
from hcmoco_bench.audit.published import published_set
from hcmoco_bench.audit.sets import AuditedSet, Experiment, Material, ProtocolFinding, Role, store_set
from hcmoco_bench.data.data_record import DataRecord, read_data_record
from hcmoco_bench.errors import DataError, HcmocoBenchError
from hcmoco_bench.models.first_weights import NO_FILES
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.tasks.core.read_settings import checked_settings, read_finetune_settings
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.modalities.task import SharedEmbeddingParsing
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint, open_checkpoint
from hcmoco_bench.training.run_files import CONFIG_FILE


def read_finetuning(folder: Path, material: Material) -> Experiment:
    """The experiment of a run of one seed; what nobody can tell becomes problem lines.

    Args:
        folder: Folder of a seed's training.
        material: Where protocols, problem lines and the sets of its pre-training go.

    Raises:
        UsageError: If its settings are of no known task, or not the task's.
        DataError: If its files are damaged.
    """
    return _read(read_finetune_settings(folder / CONFIG_FILE), run_record(folder), folder, material)


def read_model(path: Path, material: Material) -> Experiment:
    """The experiment of a fine-tuned model in a checkpoint; see `read_finetuning`.

    Raises:
        UsageError: If its settings are of no known task, or not the task's.
        DataError: If it is damaged, or of another program.
    """
    state = open_checkpoint(path)
    if isinstance(state, ForeignCheckpoint) or "finetune" not in state["config"]:
        raise DataError(f"{path}: not a model that finetune left; give one, or a run's folder", file=str(path))
    values = state["config"]["finetune"]
    config = checked_settings(get_task(str(values.get("task"))), values, str(path))
    return _read(config, read_data_record(state.get("data"), str(path)), path, material)


def _read(config: FinetuneSettings, record: DataRecord | None, run: Path, material: Material) -> Experiment:
    task = get_task(config.task)
    material.protocols.append(_protocol(task, config))
    experiment = Experiment(hides=task.hidden(config) if isinstance(task, SharedEmbeddingParsing) else "nothing")
    weights = config.ckpt or config.init
    if weights not in NO_FILES:
        experiment.sets += follow_weights(weights, run, material)
    located = _located(config, record, run, material)
    roles: tuple[Role, ...] = ("training", "test")
    for role in roles:
        split = task.training_split(located) if role == "training" else task.test_split(located)
        try:
            data = task.open_data(located, split, train=role == "training")
            experiment.sets += _data_sets(role, task, located, data)
        except HcmocoBenchError as error:
            material.problem(f"{role}_unreadable", str(run), f"its {role} data was not compared: {error}")
    return experiment


def _located(config: FinetuneSettings, record: DataRecord | None, run: Path, material: Material) -> FinetuneSettings:
    """The settings with stores and root where they are now; those that are gone stay as they are."""
    stores = []
    for place in config.stores:
        store = find_store(place, run, record)
        stores.append(place if store is None else str(store))
        if store is not None:
            tell_changed_store(place, store, run, record, material)
    root = None if config.root is None else str(find_place(config.root, run) or config.root)
    return config.model_copy(update={"stores": tuple(stores), "root": root})


def _protocol(task: Task[Any], config: FinetuneSettings) -> ProtocolFinding:
    rules = task.protocol(config)
    leaks = [] if rules.leaks is None else [rules.leaks]
    if config.choose == "best" and not config.validation_share:
        leaks.append("the epoch is chosen on the test split (choose = best)")
    return ProtocolFinding(task.record.id, rules.name, tuple(leaks), rules.error)


def _data_sets(role: Role, task: Task[Any], config: FinetuneSettings, data: TaskData) -> Iterator[AuditedSet]:
    parts = mixture_parts(data.dataset)
    if parts is not None:
        for number, part in enumerate(parts):
            yield mixture_set(role if number == 0 else "unlabeled pairs", part)
    elif config.stores:
        yield store_set(role, open_store(Path(config.stores[0])), data.ids, data.split)
    else:
        yield published_set(role, task, Path(str(config.root)), data)
