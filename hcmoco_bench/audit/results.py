"""What a result file tells of its test samples, its training and its protocol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from hcmoco_bench.audit.names import sample_names
from hcmoco_bench.audit.population import Population
from hcmoco_bench.audit.sets import AuditedSet, Experiment, Material, ProtocolFinding, split_set, store_set
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.first_weights import NO_FILES
from hcmoco_bench.results.evidence import load_evidence
from hcmoco_bench.results.schema import GENERATED, Result
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.tasks.core.registry import get_task

PRETRAINING_NOT_GIVEN: Final = "pretraining_not_given"
"""Kind of the problem line about a result whose pre-training only other paths can tell."""

_LEAK: Final = "leak"
"""What the notes of a result say of anything that leaks."""


def result_protocol(result: Result, material: Material) -> ProtocolFinding:
    """What the protocol of a result leaks, by the task's record and by the result's own notes."""
    name, task = result.task.protocol, result.task.id
    leaks, error = [], None
    try:
        rules = get_task(task).record.protocol(name)
    except (UsageError, KeyError):
        reason = f"there is no protocol {name} of a task {task} here; only the result's notes tell what it leaks"
        material.problem("protocol_unknown", task, reason)
    else:
        leaks, error = [] if rules.leaks is None else [rules.leaks], rules.error
    of_record = f"protocol {name} "
    leaks += [note for note in result.status.notes if _LEAK in note and not note.startswith(of_record)]
    return ProtocolFinding(task, name, tuple(leaks), error)


def read_result_sets(path: Path, result: Result, store: AnyStore | None, material: Material) -> Experiment:
    """The experiment of a result file alone.

    Args:
        path: The result file.
        result: Its content.
        store: The store that it was scored on, if it is given.
        material: Where problem lines go.
    """
    experiment = Experiment()
    test = test_set(path, result, store, material)
    experiment.sets += [] if test is None else [test]
    training = result.model.training
    if training is not None and store is not None and training.split in store.splits:
        experiment.sets.append(split_set("training", store, training.split))
    else:
        if training is None:
            reason = (
                "does not say what the model learned labels from; give the run's folder to compare it with the test"
            )
        else:
            reason = (
                f"the model learned labels from the split {training.split}, whose samples are not known here; give the "
                "run's folder, or the store if it was scored on one, to compare them with the test"
            )
        material.problem("training_unknown", str(path), f"{path}: {reason}")
    pretrain = result.model.pretrain
    if pretrain is None or pretrain.method not in NO_FILES:
        origin = "is of unknown origin" if pretrain is None else f"is by {pretrain.method}"
        material.problem(
            PRETRAINING_NOT_GIVEN,
            str(path),
            f"{path}: the encoder {origin}; what it has seen is compared only if its run or stores are given too",
        )
    return experiment


def test_set(path: Path, result: Result, store: AnyStore | None, material: Material) -> AuditedSet | None:
    """The test samples of a result, from its evidence; None if that is not there.

    Args:
        path: The result file.
        result: Its content.
        store: The store that it was scored on, if it is given.
        material: Where problem lines go.
    """
    if not result.evidence:
        material.problem("evidence_missing", str(path), f"{path}: has no evidence; its test samples are not known")
        return None
    entry = result.evidence[0]
    try:
        ids = load_evidence(path.with_name(entry.file), sha256=entry.sha256).sample_ids
    except DataError as error:
        material.problem(error.kind, str(path), f"{path}: its test samples are not known: {error}")
        return None
    if store is not None:
        found = store_set("test", store, ids, result.task.split)
        return replace(found, where=f"{path} ({result.task.split} of {store.path})")
    name, generated = result.data.name.removesuffix(GENERATED), result.data.generated
    key = result.data.manifest_sha256 or str(path) if generated else ""
    population = Population(name, key, generated, known=not generated, by_setup=generated)
    people, noun = _people(result.task.id, ids)
    names = sample_names(ids, population, people=people, people_noun=noun)
    return AuditedSet("test", f"{path} ({result.task.split})", names, population)


def _people(task: str, ids: Sequence[str]) -> tuple[tuple[str, ...] | None, str]:
    """Who the samples show, by the task that they are of, and what they are; None where it does not tell."""
    try:
        groups = get_task(task).groups(ids)
    except (UsageError, DataError):
        groups = None
    return (None, "people") if groups is None else (groups.of, groups.noun)
