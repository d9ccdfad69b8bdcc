"""The checks that need nothing but a result and its evidence: scores, interval, counts, split and rules."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import HcmocoBenchError
from hcmoco_bench.files.hashing import bytes_sha256, fingerprint, json_sha256
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.checklist import Checker, CheckItem
from hcmoco_bench.leaderboard.rows.outside_names import wrong_file_names, wrong_ids
from hcmoco_bench.leaderboard.ties.draws import drawn_scores
from hcmoco_bench.results.evidence import Evidence, load_evidence
from hcmoco_bench.results.resampling import GroupDraws
from hcmoco_bench.results.schema import Result
from hcmoco_bench.results.statistics import mean_of_known, percentile_interval, seed_summary
from hcmoco_bench.tasks.core.record import TaskRecord
from hcmoco_bench.tasks.core.result import BOOTSTRAP
from hcmoco_bench.tasks.core.task import Task

TOLERANCE: Final = 1e-9
"""Difference, absolute or relative, up to which a recomputed figure is the stated one: the order of sums may differ."""

FEWEST_DRAWS: Final = 40
"""Draws of an interval, so that at least one lies beyond each of its ends."""

MOST_DRAWS: Final = 20_000
"""Draws of an interval that are repeated: ten times as many as anybody needs, and checked in minutes."""

_CHECK = Checker(Level.EVIDENCE)
_NOT_SCORED = (HcmocoBenchError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What scoring evidence raises that is not what its metric makes."""


@dataclass(frozen=True)
class EvidenceFindings:
    """What the evidence check found.

    Attributes:
        items: The lines of the checklist.
        evidences: The evidence of each seed; empty if it cannot be used.
        labels_sha256: See `RowFile.labels_sha256`; empty if the evidence cannot be used.
        evidence_sha256: See `RowFile.evidence_sha256`; empty likewise.
    """

    items: tuple[CheckItem, ...]
    evidences: tuple[Evidence, ...] = ()
    labels_sha256: str = ""
    evidence_sha256: tuple[str, ...] = ()


def check_evidence(result: Result, folder: Path, task: Task[Any]) -> EvidenceFindings:
    """Check a result against the evidence files beside it.

    Args:
        result: The result.
        folder: Folder of the evidence files.
        task: The result's task.
    """
    if not result.evidence:
        line = _CHECK.line("evidence files", "the result has none; evaluate again, which keeps them", "")
        return EvidenceFindings((line,))
    if named := wrong_file_names([one.file for one in result.evidence]):
        return EvidenceFindings((_CHECK.line("evidence files", named[:3], ""),))
    try:
        evidences = [load_evidence(folder / one.file, sha256=one.sha256) for one in result.evidence]
    except HcmocoBenchError as error:
        return EvidenceFindings((_CHECK.line("evidence files", str(error), ""),))
    items = [_CHECK.line("evidence files", "", f"{len(evidences)}, with the hashes that the result states")]
    try:
        contents = tuple(evidence_sha256(one) for one in evidences)
        wrong = _wrong_form(result, evidences, task) or _wrong_seeds(result, contents)
    except _NOT_SCORED as error:
        contents, wrong = (), f"the evidence is none of its metric ({error})"
    items.append(_CHECK.line("rules of the protocol", wrong, f"the evidence is of protocol {result.task.protocol}"))
    if wrong:
        return EvidenceFindings(tuple(items))
    try:
        items += _score_items(result, evidences, task)
    except _NOT_SCORED as error:
        items.append(_CHECK.line("scores", f"no scores can be made of the evidence ({error})", ""))
        return EvidenceFindings(tuple(items))
    items += [_counts(result, evidences[0]), _split(result, evidences[0]), _size(result, task.record)]
    labels = labels_sha256(evidences[0], task.label_columns)
    return EvidenceFindings(tuple(items), tuple(evidences), labels, contents)


def evidence_sha256(evidence: Evidence) -> str:
    """Fingerprint of sample ids and all columns, whatever the order of the samples and the way the file is packed."""
    ordered = _ordered(evidence)
    columns = {
        name: [one.dtype.str, list(one.shape[1:]), bytes_sha256(np.ascontiguousarray(one).tobytes())]
        for name, one in ordered.columns.items()
    }
    return json_sha256({"metric": evidence.metric, "ids": fingerprint(ordered.sample_ids), "columns": columns})


def labels_sha256(evidence: Evidence, columns: frozenset[str]) -> str:
    """Fingerprint of sample ids and label columns, whatever the order of the samples.

    Args:
        evidence: The evidence.
        columns: Names of columns that depend on the labels alone; those that the evidence has are taken.
    """
    ordered = _ordered(evidence)
    found = {name: _column_sha256(ordered.columns[name]) for name in sorted(columns & ordered.columns.keys())}
    return json_sha256({"ids": fingerprint(ordered.sample_ids), "labels": found})


def _ordered(evidence: Evidence) -> Evidence:
    return evidence.select(sorted(range(len(evidence)), key=evidence.sample_ids.__getitem__))


def _column_sha256(column: NDArray[Any]) -> str:
    # Numbers of one width and byte order alone, so that machine and stored width do not matter.
    whole = column.dtype.kind in "iub"
    values = np.ascontiguousarray(column, dtype="<i8" if whole else "<f8")
    return json_sha256([values.shape, values.dtype.str, bytes_sha256(values.tobytes())])


def _wrong_form(result: Result, evidences: Sequence[Evidence], task: Task[Any]) -> str:
    first = evidences[0]
    if len(evidences) != max(1, len(result.run.seeds)):
        return f"{len(evidences)} evidence files for {len(result.run.seeds)} seeds"
    if any(one.sample_ids != first.sample_ids for one in evidences):
        return "the seeds were scored on different samples"
    if wrong := wrong_ids(first.sample_ids):
        return wrong
    told = [text for one in evidences for text in task.evidence_errors(one, result.task.protocol, result.task.variant)]
    if told:
        return "; ".join(dict.fromkeys(told))
    blank = task.blank_evidence(result.task.protocol, result.task.variant)
    labels = task.label_columns if blank is None else task.label_columns & blank.columns.keys()
    missing = sorted(name for name in labels if any(name not in one.columns for one in evidences))
    if missing:
        return f"columns are missing: {', '.join(missing)}"
    others = [
        name
        for name in sorted(labels)
        if any(not np.array_equal(one.columns[name], first.columns[name]) for one in evidences)
    ]
    return f"the seeds were scored against different labels ({', '.join(others)})" if others else ""


def _wrong_seeds(result: Result, contents: Sequence[str]) -> str:
    """The deviation over seeds says nothing if a training is counted several times."""
    seeds = result.run.seeds
    if len(set(seeds)) < len(seeds):
        return f"a seed comes more than once ({', '.join(map(str, seeds))})"
    return "two seeds have the same evidence" if len(set(contents)) < len(contents) else ""


def _score_items(result: Result, evidences: Sequence[Evidence], task: Task[Any]) -> Iterator[CheckItem]:
    stated, record = result.scores, task.record
    found = [task.scores(one) for one in evidences]
    wrong, main = [], record.main_score_of(result.task.protocol)
    if (stated.main, stated.unit) != (main, record.unit):
        wrong.append(f"the main score is {main} in {record.unit}, not {stated.main} in {stated.unit}")
    else:
        per_seed = [scores[stated.main] for scores in found]
        summary = seed_summary(per_seed)
        wrong += _differing({stated.main: summary.mean}, {stated.main: stated.mean}, "the mean over seeds of ")
        wrong += _differing({"std": summary.std}, {"std": stated.std}, "")
        given = stated.per_seed or tuple(per_seed)
        wrong += _differing(dict(enumerate(per_seed)), dict(enumerate(given)), "seed number ")
        if record.unit == "%" and not 0 <= summary.mean <= 100:
            wrong.append(f"{summary.mean:.2f} % is no {main}")
    means = {name: mean_of_known([scores.get(name) for scores in found]) for name in found[0]}
    wrong += _differing(means, stated.all, "")
    yield _CHECK.line("scores", wrong[:5], f"{len(means)} figures follow from the evidence")
    yield _classes(result, evidences, task)
    yield _interval(result, evidences, task)


def _classes(result: Result, evidences: Sequence[Evidence], task: Task[Any]) -> CheckItem:
    found = [task.per_class(one) for one in evidences]
    if not found[0]:
        if result.scores.per_class:
            return _CHECK.line(
                "figures by class", "the task gives none by evidence alone, and the result states some", ""
            )
        return _CHECK.skip("figures by class", "the task has no classes")
    means = {
        f"{name}, {figure}": mean_of_known([one[name][figure] for one in found])
        for name, figures in found[0].items()
        for figure in figures
    }
    stated = {
        f"{name}, {figure}": value
        for name, figures in result.scores.per_class.items()
        for figure, value in figures.items()
    }
    wrong = _differing(means, stated, "")
    return _CHECK.line("figures by class", wrong[:5], f"{len(means)} figures follow from the evidence")


def _interval(result: Result, evidences: Sequence[Evidence], task: Task[Any]) -> CheckItem:
    stated = result.scores.ci95
    if stated is None:
        return _CHECK.skip("interval", "the result states none")
    n = result.scores.ci95_draws or BOOTSTRAP
    if not FEWEST_DRAWS <= n <= MOST_DRAWS:
        return _CHECK.line("interval", f"{n:,} draws; evaluate with {FEWEST_DRAWS} to {MOST_DRAWS:,}", "")
    draws, drawn = _draws(task, evidences[0].sample_ids, n)
    main = task.record.main_score_of(result.task.protocol)
    found = drawn_scores(evidences, lambda one: task.scores(one)[main], draws).draws
    low, high = percentile_interval(found)
    wrong = _differing({"low": low, "high": high}, dict(zip(("low", "high"), stated, strict=True)), "")
    return _CHECK.line("interval", wrong, f"{low:.2f} to {high:.2f}, drawing {drawn}")


@lru_cache(maxsize=4)
def _draws(task: Task[Any], ids: tuple[str, ...], n: int) -> tuple[GroupDraws, str]:
    """The draws of an interval and what they draw; kept for the next rows, which are often of the same samples."""
    groups = task.groups(ids)
    if groups is None or len(set(groups.of)) < 2:
        return GroupDraws.of(len(ids), None, n=n, seed=0), "samples"
    return GroupDraws.of(len(ids), groups.of, n=n, seed=0), groups.noun


def _counts(result: Result, evidence: Evidence) -> CheckItem:
    data = result.data
    if data.n_scored != len(evidence):
        return _CHECK.line("counts", f"{data.n_scored} samples are stated and {len(evidence)} are in the evidence", "")
    if data.n_scored < data.n_expected:
        told = (
            f"{data.n_scored} of the split's {data.n_expected} samples were scored; a part is not compared with the "
            "whole, so complete the data and evaluate again"
        )
        return _CHECK.line("counts", told, "")
    return _CHECK.line("counts", "", f"all {data.n_expected} samples of the split")


def _split(result: Result, evidence: Evidence) -> CheckItem:
    """Evidence may be in another order than the split, which is sorted by text or by the numbers in it (S9, S11)."""
    ids = evidence.sample_ids
    orders = (ids, sorted(ids), sorted(ids, key=_by_numbers))
    wrong = ""
    if result.task.split_sha256 not in {fingerprint(order) for order in orders}:
        wrong = (
            f"the samples are not those of {result.task.split}: their fingerprint is {fingerprint(sorted(ids))}, and "
            f"the result states {result.task.split_sha256}"
        )
    return _CHECK.line("split", wrong, f"the samples are those of the fingerprint that {result.task.split} has")


def _by_numbers(sample_id: str) -> list[tuple[int, int, str]]:
    """Sorts ids by text, but numbers within them by their value."""
    parts = re.findall(r"[0-9]+|[^0-9]+", sample_id)
    return [(0, int(one), one) if one[0] in "0123456789" else (1, 0, one) for one in parts]


def _size(result: Result, record: TaskRecord) -> CheckItem:
    """The split of the original data, where the task declares its size or fingerprint."""
    if result.data.generated:
        return _CHECK.skip("declared split", "the data is generated")
    declared = [one for one in record.splits if one.name == result.task.split and one.size is not None]
    if not declared:
        return _CHECK.skip("declared split", f"the task declares no size of {result.task.split}")
    fits = [
        one for one in declared if one.size == result.data.n_expected and one.sha256 in (None, result.task.split_sha256)
    ]
    sizes = " or ".join(f"{one.size:,}" for one in declared)
    wrong = f"{result.task.split} has {sizes} samples, and is not the {result.data.n_expected:,} of this result"
    return _CHECK.line("declared split", "" if fits else wrong, f"{result.data.n_expected:,} samples, as declared")


def _differing(found: Mapping[Any, float | None], stated: Mapping[Any, float | None], what: str) -> list[str]:
    """Figures that are not what is stated, and those that only one side has; nan is None."""
    told = []
    for name in dict.fromkeys([*found, *stated]):
        ours, theirs = found.get(name), stated.get(name)
        ours = None if ours is None or not math.isfinite(ours) else ours
        if (ours is None) != (theirs is None) or (ours is not None and not _same(ours, theirs)):
            told.append(f"{what}{name} is {_text(ours)} by the evidence, and {_text(theirs)} is stated")
    return told


def _same(ours: float, theirs: float | None) -> bool:
    return theirs is not None and math.isclose(ours, theirs, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _text(value: float | None) -> str:
    return "nothing" if value is None else f"{value!r}"
