"""The check by a second training: somebody else ran the same settings and got the same score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.checklist import Checker
from hcmoco_bench.leaderboard.rows.data_check import DataFindings, check_labels
from hcmoco_bench.leaderboard.rows.evidence_check import check_evidence, evidence_sha256, labels_sha256
from hcmoco_bench.leaderboard.rows.file_sizes import check_size
from hcmoco_bench.leaderboard.rows.place_check import board_key
from hcmoco_bench.leaderboard.rows.row_file import same_person
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.results.schema import Result, read_result
from hcmoco_bench.results.statistics import paired_bootstrap
from hcmoco_bench.tasks.core.task import Task

_CHECK = Checker(Level.TRAINED_AGAIN)


def check_again(
    result: Result,
    evidences: Sequence[Evidence],
    task: Task[Any],
    path: Path,
    settings: Mapping[str, Any],
    *,
    by: str,
    submitted_by: str,
) -> DataFindings:
    """Compare a result with that of a second training.

    The score is the same if the 95 % interval of the paired difference of the first seeds holds 0, if the second score
    lies in the 95 % interval of the first, or if the means differ by less than two standard errors over seeds.

    Args:
        result: The result.
        evidences: Its evidence, one a seed.
        task: The task.
        path: Result file of the second training, with its evidence beside it.
        settings: Settings that say where the data is, by which the labels of the second evidence are checked.
        by: Who ran the second training.
        submitted_by: Who submitted the result.

    Raises:
        DataError: If the second result cannot be read.
    """
    check_size(path)
    second = read_result(path)
    found = check_evidence(second, path.parent, task)
    inputs = {"second_result": file_sha256(path)}
    told = [f"{item.check}: {item.detail}" for item in found.items if item.outcome == "fail"]
    if same_person(by, submitted_by):
        told.append(f"{by} submitted the result too; somebody else must train again")
    if board_key(second) != board_key(result):
        told.append("it is of another table")
    if result.run.config_sha256 is None or second.run.config_sha256 != result.run.config_sha256:
        told.append("it was trained with other settings (config_sha256)")
    if None in (result.model.weights_sha256, second.model.weights_sha256):
        told.append("one of them names no weights, so nothing shows what was trained")
    elif second.model.weights_sha256 == result.model.weights_sha256:
        told.append("it has the same weights, so nothing was trained again")
    if set(found.evidence_sha256) & {evidence_sha256(one) for one in evidences}:
        told.append("it has the same evidence, so nothing was trained again")
    if not told:
        checked = check_labels(second, found.evidences, task, settings)
        told += [f"{item.check}: {item.detail}" for item in checked.items if item.outcome == "fail"]
    if not told and found.labels_sha256 != labels_sha256(evidences[0], task.label_columns):
        told.append("it was scored against other labels")
    items = [_CHECK.line("second training", told, "the same settings, other weights, and its own evidence")]
    if not told:
        items.append(_score_line(result, second, evidences[0], found.evidences[0], task))
    return DataFindings(tuple(items), inputs)


def _score_line(first: Result, second: Result, one: Evidence, other: Evidence, task: Task[Any]) -> Any:
    main = task.record.main_score_of(first.task.protocol)
    groups = task.groups(one.sample_ids)
    paired = paired_bootstrap(
        one, other, lambda each: task.scores(each)[main], groups=None if groups is None else groups.of
    )
    scores = (first.scores, second.scores)
    stds = [score.std for score in scores]
    error = 0.0
    if all(std is not None for std in stds):
        error = math.sqrt(sum((std or 0.0) ** 2 / len(score.per_seed) for std, score in zip(stds, scores, strict=True)))
    difference = second.scores.mean - first.scores.mean
    low, high = first.scores.ci95 or (first.scores.mean, first.scores.mean)
    same = paired.low <= 0 <= paired.high or low <= second.scores.mean <= high or abs(difference) <= 2 * error
    told = (
        f"{second.scores.mean:.2f} against {first.scores.mean:.2f} {first.scores.unit}: difference {difference:+.2f}, "
        f"95 % interval of the paired bootstrap {-paired.high:+.2f} to {-paired.low:+.2f}"
    )
    return _CHECK.line("score of the second training", "" if same else told, told)
