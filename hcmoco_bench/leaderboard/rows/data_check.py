"""The checks that need the data: labels, deposited predictions, and weights that are run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import file_sha256, folder_sha256
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.checklist import Checker, CheckItem
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import PretrainEntry, Result, TrainingEntry
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.tasks.core.checkpoints import TaskCheckpoint, load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import chosen_note, evaluate_checkpoint, evaluate_predictions
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings, scoring_settings
from hcmoco_bench.tasks.core.provenance import config_sha256, training_entry
from hcmoco_bench.tasks.core.settings import FinetuneSettings, flat_settings
from hcmoco_bench.tasks.core.task import Task

DEVICE_TOLERANCE: Final = 0.05
"""Difference of the main score, in its unit, up to which weights that are run on another device give the same score.

Sums in another order flip single pixels between two classes that are as likely; on one machine nothing differs.
"""

_LABELS, _PREDICTIONS, _WEIGHTS = Checker(Level.LABELS), Checker(Level.PREDICTIONS), Checker(Level.WEIGHTS)


@dataclass(frozen=True)
class DataFindings:
    """Lines of the checklist, and the SHA-256 of what was read, by name."""

    items: tuple[CheckItem, ...]
    inputs: Mapping[str, str] = field(default_factory=dict)


def check_labels(
    result: Result, evidences: Sequence[Evidence], task: Task[Any], settings: Mapping[str, Any]
) -> DataFindings:
    """Compare samples and labels in the evidence with those of the data.

    Args:
        result: The result.
        evidences: The evidence of each seed; not empty.
        task: The task.
        settings: Settings that say where the data is, e.g. `stores` or `root`.

    Raises:
        UsageError: If the settings are not of the task, or choose another variant than the result's.
        StoreError: If the data cannot be opened.
    """
    config = data_settings(result, task, settings)
    data = task.open_data(config, result.task.split, train=False)
    told = []
    if data.stated_name != result.data.name:
        told.append(f"this data is {data.stated_name}, and the result is of {result.data.name}")
    if data.split_sha256 != result.task.split_sha256:
        told.append(
            f"its split {data.split} has the fingerprint {data.split_sha256}, and the result states "
            f"{result.task.split_sha256}"
        )
    ids = evidences[0].sample_ids
    if len(data.expected) != result.data.n_expected:
        told.append(f"its split has {len(data.expected)} samples, and the result states {result.data.n_expected}")
    told += _sets("samples that are not in the split", set(ids) - set(data.expected))
    told += _sets("samples of the split that are missing", set(data.ids) - set(ids))
    items = [_LABELS.line("samples of the data", told, f"all {len(ids)} are those of {data.split}")]
    found = task.label_evidence(data, config) if not told else None
    if told or found is None:
        items.append(_LABELS.skip("labels of the data", "see above" if told else "the task cannot tell them"))
    else:
        items.append(_label_line(found, data.ids, evidences[0]))
    inputs = {} if data.manifest_sha256 is None else {"manifest": data.manifest_sha256}
    if data.manifest_sha256 != result.data.manifest_sha256:
        items.append(_LABELS.skip("manifest", "another preparation of the data than the result's"))
    return DataFindings(tuple(items), inputs)


def check_predictions(
    result: Result,
    evidences: Sequence[Evidence],
    task: Task[Any],
    settings: Mapping[str, Any],
    path: Path,
    progress: Progress = no_progress,
) -> DataFindings:
    """Score deposited predictions again and compare the evidence.

    Args:
        result: The result.
        evidences: Its evidence; one, since predictions are of one model.
        task: The task.
        settings: Settings that say where the data is.
        path: The predictions, in the task's layout.
        progress: Told how many samples are done.

    Raises:
        DataError: If the predictions cannot be scored.
    """
    config = data_settings(result, task, settings)
    if len(evidences) != 1:
        line = _PREDICTIONS.line("predictions", "the result has several seeds, and predictions are of one model", "")
        return DataFindings((line,))
    report = evaluate_predictions(
        task, path, config, split=result.task.split, progress=progress, bootstrap=0, as_given=True
    )
    wrong = _other_evidence(report.evaluation.evidence, evidences[0], exact=True)
    line = _PREDICTIONS.line("predictions", wrong, "scoring them again gives the same evidence")
    return DataFindings((line,), {"predictions": file_sha256(path) if path.is_file() else folder_sha256(path)})


def check_weights(
    result: Result,
    evidences: Sequence[Evidence],
    task: Task[Any],
    settings: Mapping[str, Any],
    path: Path,
    progress: Progress = no_progress,
) -> DataFindings:
    """Run a model again and compare the evidence of the first seed, of which the result states the weights' hash.

    Args:
        result: The result.
        evidences: The evidence of each seed.
        task: The task.
        settings: Settings that say where the data is.
        path: The model.
        progress: Told how many samples are done.

    Raises:
        DataError: If the model cannot be read or does not fit.
    """
    found = file_sha256(path)
    stated = result.model.weights_sha256
    if found != stated:
        told = (
            "the result states no weights"
            if stated is None
            else f"their SHA-256 is {found}, the result states {stated}"
        )
        return DataFindings((_WEIGHTS.line("weights", told, ""),))
    given = {**flat_settings(settings), "protocol": result.task.protocol}
    model = load_task_checkpoint(path, task, backbone=result.model.backbone, given=given)
    config = scoring_settings(task, model.config, given)
    if task.variant(config) != result.task.variant:
        chosen = {name: one for name, one in task.variant_settings(result.task.variant).items() if name != "backbone"}
        config = scoring_settings(task, config, {**chosen, **given})
    claims = list(_other_claims(result, task, model, config))
    items = [_WEIGHTS.line("claims about the model", claims, "those of the model's file")]
    if claims:
        return DataFindings(tuple(items))
    report = evaluate_checkpoint(task, model, config, split=result.task.split, progress=progress, bootstrap=0)
    again, before = report.evaluation.evidence, evidences[0]
    main = task.record.main_score_of(result.task.protocol)
    difference = abs(task.scores(again)[main] - task.scores(before)[main])
    exact = not _other_evidence(again, before, exact=True)
    wrong = _other_evidence(again, before, exact=False)
    if not wrong and not difference <= DEVICE_TOLERANCE:
        wrong = f"the main score differs by {difference:.3f} {task.record.unit}"
    how = "to the last count" if exact else f"within {difference:.4f} {task.record.unit} of the main score"
    seeds = "" if len(evidences) == 1 else f" (the first of {len(evidences)} seeds)"
    items.append(_WEIGHTS.line("weights", wrong, f"running them again gives the same evidence {how}{seeds}"))
    return DataFindings(tuple(items), {"weights": found})


def _other_claims(result: Result, task: Task[Any], model: TaskCheckpoint, config: FinetuneSettings) -> Iterator[str]:
    """What a result says of its model and the model's file does not."""
    variant = task.variant(config)
    if variant != result.task.variant:
        yield f"it scores the variant {variant or 'none'}, and the result is of {result.task.variant or 'none'}"
    own = model.origin is None
    facts = {
        "backbone": (result.model.backbone, config.backbone),
        "training": (result.model.training, training_entry(task, model.config) if own else None),
        "pretrain.method": (_method(result.model.pretrain), model.pretrain.method),
        "config_sha256": (result.run.config_sha256, config_sha256(model.config) if own else None),
    }
    for name, (stated, found) in facts.items():
        if stated != found:
            yield f"{name} is {_told(found)} in the model's file, and the result states {_told(stated)}"
    missing = [note for note in chosen_note(model.chosen_on) if note not in result.status.notes]
    if missing:
        yield f"the result leaves out its note {missing[0]!r}"


def _method(pretrain: PretrainEntry | None) -> str | None:
    return None if pretrain is None else pretrain.method


def _told(value: object) -> str:
    if isinstance(value, TrainingEntry):
        return f"{value.split} (ratio {value.ratio:g})"
    return "nothing" if value is None else str(value)


def data_settings(result: Result, task: Task[Any], settings: Mapping[str, Any]) -> FinetuneSettings:
    """Settings with which a result's data is opened and scored as the result states.

    Raises:
        UsageError: If they choose another variant of the task than the result's.
    """
    chosen = dict(task.variant_settings(result.task.variant))
    config = make_finetune_settings(task, {**chosen, **flat_settings(settings), "protocol": result.task.protocol})
    chosen_variant = task.variant(config, own=False)
    if chosen_variant != result.task.variant and task.variant_settings(result.task.variant):
        raise UsageError(
            f"{task.record.id}: the settings choose the variant {chosen_variant or 'none'}, and the result is of "
            f"{result.task.variant}; give the settings of that variant"
        )
    return config


def _sets(what: str, names: set[str]) -> list[str]:
    listed = ", ".join(sorted(names)[:3]) + (", ..." if len(names) > 3 else "")
    return [f"{len(names)} {what} ({listed})"] if names else []


def _label_line(found: Mapping[str, NDArray[Any]], ids: Sequence[str], evidence: Evidence) -> CheckItem:
    places = {name: row for row, name in enumerate(evidence.sample_ids)}
    ordered = evidence.select([places[name] for name in ids])
    wrong: dict[str, None] = {}
    for column, values in found.items():
        stated = ordered.columns[column]
        if stated.shape != values.shape:
            wrong |= dict.fromkeys(ids)
            continue
        differ = (stated != values).reshape(len(ids), -1).any(1)
        wrong |= dict.fromkeys(name for name, one in zip(ids, differ, strict=True) if one)
    told = _sets("samples have other labels in the data than in the evidence", set(wrong))
    return _LABELS.line("labels of the data", told, f"those of all {len(ids)} samples are the data's")


def _other_evidence(again: Evidence, before: Evidence, *, exact: bool) -> str:
    """How two pieces of evidence differ; empty if they do not, or without `exact` only in what a model predicts."""
    if set(again.sample_ids) != set(before.sample_ids):
        return "it covers other samples"
    if again.metric != before.metric or dict(again.meta) != dict(before.meta):
        return "it is scored by other rules"
    if not exact:
        return ""
    places = {name: row for row, name in enumerate(again.sample_ids)}
    aligned = again.select([places[name] for name in before.sample_ids])
    wrong = [
        name
        for name, column in before.columns.items()
        if name not in aligned.columns or not _equal(aligned.columns[name], column)
    ]
    return f"other statistics come out ({', '.join(sorted(wrong))})" if wrong else ""


def _equal(one: NDArray[Any], other: NDArray[Any]) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind == "f":
        return bool(np.allclose(one, other, rtol=1e-9, atol=1e-9, equal_nan=True))
    return bool(np.array_equal(one, other))
