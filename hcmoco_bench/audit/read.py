"""From paths to what is compared: stores, runs, checkpoints and result files, each told by what it holds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeAlias

from hcmoco_bench.audit.finetuning import read_finetuning, read_model
from hcmoco_bench.audit.frames import StoreFrames
from hcmoco_bench.audit.pretraining import checkpoint_sets, run_sets
from hcmoco_bench.audit.results import PRETRAINING_NOT_GIVEN, read_result_sets, result_protocol, test_set
from hcmoco_bench.audit.sets import Experiment, Material, ProtocolFinding, split_set
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.pretrain.checkpoints import KIND
from hcmoco_bench.results.schema import Result, read_result
from hcmoco_bench.runtime.settings import read_settings_file
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.training.foreign_checkpoint import ForeignCheckpoint, open_checkpoint
from hcmoco_bench.training.run_files import CONFIG_FILE, RESULT_FILE

Stores: TypeAlias = dict[Path, AnyStore]
"""The stores that were given, by where they are."""

_CAN_BE: Final = (
    "give a prepared store, the folder of a run of pretrain or finetune, a checkpoint (.pth) or a result file (.json)"
)

_CHOSEN: Final = "chosen on the test split"
"""What both settings and results say if the epoch is."""

_TESTS: Final = ("test", "validation")
"""Names of the splits of stores that models are tested on."""


def read_paths(paths: Sequence[Path]) -> Material:
    """Read what is to be compared.

    A run or a result with its training is an experiment of its own; its sets are those of its settings, so that a store
    that is given too adds nothing. The other stores form one experiment: those with a test split are training and test,
    those without are pre-training. Pre-training that no run names is compared with every experiment.

    Args:
        paths: Stores, runs, checkpoints and result files.

    Raises:
        UsageError: If nothing is given, or a path is none of these.
        DataError: If a result, a checkpoint or a run's settings are damaged.
        StoreError: If a store is damaged.
    """
    if not paths:
        raise UsageError(f"nothing to audit: {_CAN_BE}")
    material = Material()
    stores = {path.resolve(): open_store(path) for path in paths if (path / MANIFEST_FILE).is_file()}
    used: set[Path] = set()
    for path in paths:
        if path.resolve() not in stores:
            used |= _read(path, stores, material)
    material.protocols = list(dict.fromkeys(material.protocols))
    _read_stores([store for place, store in stores.items() if place not in used], material)
    if material.pretraining:
        material.problems = [line for line in material.problems if line.kind != PRETRAINING_NOT_GIVEN]
    return material


def _read(path: Path, stores: Stores, material: Material) -> set[Path]:
    """Read a path that is no store; returns the places of the given stores that it uses."""
    if path.is_dir():
        seeds = sorted(path.glob(f"seed-*/{CONFIG_FILE}"))
        if seeds:
            return _read_run(seeds[0].parent, path / RESULT_FILE, stores, material)
        if (path / CONFIG_FILE).is_file():
            settings = read_settings_file(path / CONFIG_FILE)
            if "task" in settings:
                return _read_run(path, path.parent / RESULT_FILE, stores, material)
            if not settings.get("method"):
                raise UsageError(f"{path / CONFIG_FILE}: names neither a task nor a method; {_CAN_BE}")
            material.pretraining += run_sets(path, material)
            return set()
        if (path / RESULT_FILE).is_file():
            return _read_result(path / RESULT_FILE, stores, material)
        raise UsageError(f"{path}: this folder holds neither a store nor a run; {_CAN_BE}")
    if not path.exists():
        raise UsageError(f"{path}: there is nothing of that name; {_CAN_BE}")
    if path.suffix == ".json":
        return _read_result(path, stores, material)
    if path.suffix in {".pth", ".pt", ".safetensors"}:
        state = open_checkpoint(path)
        if isinstance(state, ForeignCheckpoint) or state["kind"] == KIND:
            material.pretraining += checkpoint_sets(path, material)
            return set()
        experiment = read_model(path, material)
        material.experiments.append(experiment)
        return _used(experiment, stores)
    raise UsageError(f"{path}: cannot be audited; {_CAN_BE}")


def _read_result(path: Path, stores: Stores, material: Material) -> set[Path]:
    seeds = sorted(path.absolute().parent.glob(f"seed-*/{CONFIG_FILE}"))
    if seeds and path.name == RESULT_FILE:
        return _read_run(seeds[0].parent, path, stores, material)
    result = read_result(path)
    material.protocols.append(result_protocol(result, material))
    experiment = read_result_sets(path, result, _scored(result, stores), material)
    material.experiments.append(experiment)
    return _used(experiment, stores)


def _scored(result: Result, stores: Stores) -> AnyStore | None:
    """The store among those given that a result was scored on."""
    sha256 = result.data.manifest_sha256
    return next((one for one in stores.values() if file_sha256(one.path / MANIFEST_FILE) == sha256), None)


def _read_run(folder: Path, result: Path, stores: Stores, material: Material) -> set[Path]:
    """Read the training of one seed, and the result of all if there is one."""
    experiment = read_finetuning(folder, material)
    if result.is_file():
        try:
            told = read_result(result)
        except DataError as error:
            material.problem(error.kind, str(result), str(error))
        else:
            _add_notes(result_protocol(told, material), material)
            if not any(one.role == "test" for one in experiment.sets):
                test = test_set(result, told, _scored(told, stores), material)
                experiment.sets += [] if test is None else [test]
    material.experiments.append(experiment)
    return _used(experiment, stores)


def _add_notes(found: ProtocolFinding, material: Material) -> None:
    """Put what a result says of leaks with what its settings say; a leak that both tell counts once."""
    own = material.protocols[-1]
    if own.task == found.task and own.protocol == found.protocol:
        chosen = any(_CHOSEN in leak for leak in own.leaks)
        more = [leak for leak in found.leaks if leak not in own.leaks and not (chosen and _CHOSEN in leak)]
        found = ProtocolFinding(own.task, own.protocol, (*own.leaks, *more), own.error)
        material.protocols.pop()
    material.protocols.append(found)


def _used(experiment: Experiment, stores: Stores) -> set[Path]:
    """Places of the given stores that an experiment uses."""
    there = {one.frames.store.path.resolve() for one in experiment.sets if isinstance(one.frames, StoreFrames)}
    return there & stores.keys()


def _read_stores(stores: Sequence[AnyStore], material: Material) -> None:
    together = Experiment()
    for store in stores:
        names = ["train", *(name for name in _TESTS if name in store.splits)]
        if len(names) == 1:
            material.pretraining.append(split_set("pre-training", store, "train"))
            continue
        together.sets.append(split_set("training", store, "train"))
        together.sets += [split_set("test", store, name) for name in names[1:]]
    if together.sets:
        material.experiments.append(together)
