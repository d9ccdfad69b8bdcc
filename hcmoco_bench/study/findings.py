"""What a claim's results show: the scores of each method, and its comparisons with errors of groups and of seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.collect import scoring_of
from hcmoco_bench.leaderboard.contenders import result_row
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.leaderboard.ties.holm import holm
from hcmoco_bench.leaderboard.ties.pairs import compare_pairs
from hcmoco_bench.leaderboard.ties.ranks import LEVEL
from hcmoco_bench.leaderboard.ties.scoring import Contender, Scoring
from hcmoco_bench.leaderboard.ties.table import DRAWS, DrawnTable, draw_table
from hcmoco_bench.results.statistics import seed_summary
from hcmoco_bench.study.cells import Cells, Score
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.study.plan_tables import ClaimPlan, CurvesPlan, Published, TaskStep
from hcmoco_bench.study.record import current_record
from hcmoco_bench.study.seeds_and_groups import CombinedError, mean_difference, pair_error
from hcmoco_bench.training.run_files import RESULT_FILE


@dataclass(frozen=True)
class MethodScore:
    """The main score of a method on a task.

    Attributes:
        method: Name of the method in the plan.
        label: Name of the method for readers.
        seeds: Seeds whose result is there.
        per_seed: Score of each.
        mean: Their mean.
        std: Their standard deviation; None with one seed.
        low: Lower end of the 95 % interval of the mean, over groups and seeds; nan if it is not known.
        high: Upper end.
    """

    method: str
    label: str
    seeds: tuple[int, ...]
    per_seed: tuple[float, ...]
    mean: float
    std: float | None
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The difference of two methods on a task.

    Attributes:
        first: Name of the method that is expected to be better.
        second: Name of the other one.
        first_label: Name of the first for readers.
        second_label: Name of the second for readers.
        seeds: Seeds that both have, over which they are compared.
        per_seed: First less second with each seed.
        difference: Mean of these.
        low: Lower end of its 95 % interval by itself; nan if it is not known.
        high: Upper end.
        p_value: Two-sided p-value by itself.
        adjusted: The same by Holm's correction over all comparisons of the claim.
        better: Name of the method that is better by the adjusted p-value; None if neither is.
        error: The standard error and its parts.
        published: What a paper states.
    """

    first: str
    second: str
    first_label: str
    second_label: str
    seeds: tuple[int, ...]
    per_seed: tuple[float, ...]
    difference: float
    low: float
    high: float
    p_value: float
    adjusted: float
    better: str | None
    error: CombinedError
    published: Published | None = None


@dataclass(frozen=True)
class Step:
    """A claim on one task at one share of the labels.

    Attributes:
        task: Name of the task in the plan.
        title: Its name for readers.
        at: Share of the training labels or number of epochs.
        score: Name of the main score for readers.
        unit: Unit of the scores.
        difference_unit: Unit of their differences.
        higher_is_better: Whether a higher score is better.
        data: Name of the data, which says so if it is generated; with the split.
        n_samples: Number of samples of the split.
        n_groups: Number of groups that the bootstrap draws.
        grouped_by: What a group is, in the plural.
        methods: The methods with results, in the plan's order.
        comparisons: Those of which both methods have results of a common seed.
    """

    task: str
    title: str
    at: TaskStep
    score: str
    unit: str
    difference_unit: str
    higher_is_better: bool
    data: str
    n_samples: int
    n_groups: int
    grouped_by: str
    methods: tuple[MethodScore, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class ClaimFindings:
    """What is known of a claim.

    Attributes:
        name: Name of the claim.
        title: Its title.
        question: Its question.
        steps: Its tasks and shares of labels that have results.
        n_comparisons: Number of comparisons that the claim declares, over which p-values are corrected.
        n_cells: Number of fine-tunings that it declares.
        missing: Names of the fine-tunings without a result.
        curves: How its picture shows methods that differ in an amount; None for a line to each.
    """

    name: str
    title: str
    question: str
    steps: tuple[Step, ...]
    n_comparisons: int
    n_cells: int
    missing: tuple[str, ...]
    curves: CurvesPlan | None

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """The comparisons of all steps."""
        return tuple(one for step in self.steps for one in step.comparisons)

    @property
    def summary(self) -> str:
        """How complete the claim is and how many differences it shows, in a sentence or two."""
        shown = sum(one.better is not None for one in self.comparisons)
        against = sum(one.better == one.second for one in self.comparisons)
        told = f"{self.name}: {self.n_cells - len(self.missing)} of {self.n_cells} results are there; "
        told += f"{shown} of {self.n_comparisons} differences are shown"
        return told + (f", {against} of them against the expectation." if against else ".")

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self, dict_factory=lambda items: {name: _plain(value) for name, value in items}) | {
            "summary": self.summary
        }


def claim_findings(plan: Plan, name: str, cells: Cells, folder: StudyFolder, *, draws: int = DRAWS) -> ClaimFindings:
    """Compare the methods of a claim, by whatever results are there.

    P-values are corrected by Holm over all comparisons that the claim declares; one without results counts as one that
    shows nothing, so that no verdict depends on when the report was written.

    Args:
        plan: The plan.
        name: Name of the claim.
        cells: Cells of the claim.
        folder: Folder of the study.
        draws: Draws of the bootstrap.

    Raises:
        UsageError: If results of a task are of different splits, protocols or samples.
        DataError: If a result or its evidence is missing or damaged.
    """
    claim = plan.claim[name]
    there: list[Score] = []
    missing: list[Score] = []
    for score in cells.scores[name]:
        (missing if current_record(folder, cells.by_name[score.cell]) is None else there).append(score)
    steps = []
    for task in claim.tasks:
        for at in plan.steps(task, claim):
            some = [one for one in there if (one.task, one.step) == (task, at)]
            if some:
                steps.append(_step(plan, claim, some, folder, draws))
    declared = sum(
        {first, second} <= set(plan.methods_on(claim, task))
        for task in claim.tasks
        for _ in plan.steps(task, claim)
        for first, second in claim.comparisons
    )
    return ClaimFindings(
        name=name,
        title=claim.title,
        question=claim.question,
        steps=tuple(_adjusted(steps, declared)),
        n_comparisons=declared,
        n_cells=len(cells.scores[name]),
        missing=tuple(one.cell for one in missing),
        curves=claim.curves,
    )


def _step(plan: Plan, claim: ClaimPlan, scores: Sequence[Score], folder: StudyFolder, draws: int) -> Step:
    rows = {(one.method, one.seed): result_row(folder.record(one.cell) / RESULT_FILE) for one in scores}
    first = next(iter(rows.values()))
    for row in rows.values():
        if row.key != first.key:
            raise UsageError(
                f"{row.id} is of another table than {first.id} ({row.key.slug}, {first.key.slug}); give the cells of a "
                "task options with the same protocol and data, and make them with study run --rerun"
            )
    scoring = scoring_of(first)
    methods = []
    for method in sorted({one.method for one in scores}, key=claim.methods.index):
        own = {seed: row for (name, seed), row in rows.items() if name == method}
        contender = _contender(method, list(own.values()))
        table = draw_table([contender], scoring, n=draws, cache=folder.drawn)
        methods.append(_method(method, plan.label(method), own, table, first.unit))
    compared = [
        one
        for pair in claim.comparisons
        if (one := _comparison(plan, claim, scores[0], pair, rows, scoring, folder, draws)) is not None
    ]
    return Step(
        task=scores[0].task,
        title=plan.title(scores[0].task),
        at=scores[0].step,
        score=scoring.name,
        unit=first.unit,
        difference_unit=scoring.unit,
        higher_is_better=scoring.higher_is_better,
        data=f"{first.key.data}, {first.key.split}",
        n_samples=len(table.samples.ids),
        n_groups=table.n_groups,
        grouped_by=table.samples.grouped_by,
        methods=tuple(methods),
        comparisons=tuple(compared),
    )


def _contender(name: str, rows: Sequence[Row]) -> Contender:
    return Contender(name, name, tuple(file for row in rows for file in row.evidence))


def _method(method: str, label: str, rows: Mapping[int, Row], table: DrawnTable, unit: str) -> MethodScore:
    # The error of a score is that of its difference to a row that scores 0 on every draw.
    pairs = compare_pairs(
        np.append(table.scores, 0.0),
        np.vstack([table.draws, np.zeros_like(table.draws)]),
        np.vstack([table.left_out, np.zeros_like(table.left_out)]),
        table.n_groups,
    )
    per_seed = tuple(_score(row) for row in rows.values())
    summary, half = seed_summary(per_seed), pair_error(pairs, per_seed).half_width(LEVEL)
    low, high = summary.mean - half, summary.mean + half
    if unit == "%":  # with few groups, an interval that is symmetric would reach beyond what a score can be
        low, high = max(low, 0.0), min(high, 100.0)
    return MethodScore(method, label, tuple(rows), per_seed, summary.mean, summary.std, low, high)


def _comparison(
    plan: Plan,
    claim: ClaimPlan,
    at: Score,
    names: tuple[str, str],
    rows: Mapping[tuple[str, int], Row],
    scoring: Scoring,
    folder: StudyFolder,
    draws: int,
) -> Comparison | None:
    seeds = tuple(seed for seed in claim.seeds if all((name, seed) in rows for name in names))
    if not seeds:
        return None
    both = [[rows[name, seed] for seed in seeds] for name in names]
    contenders = [_contender(name, own) for name, own in zip(names, both, strict=True)]
    table = draw_table(contenders, scoring, n=draws, cache=folder.drawn)
    pairs = compare_pairs(table.scores, table.draws, table.left_out, table.n_groups)
    per_seed = tuple(_score(one) - _score(other) for one, other in zip(*both, strict=True))
    found = mean_difference(pairs, per_seed, LEVEL)
    published = next(
        (
            one
            for one in claim.published
            if (one.task, one.step) == (at.task, at.step) and {one.first, one.second} == set(names)
        ),
        None,
    )
    if published is not None and published.first != names[0]:
        published = published.model_copy(
            update={"first": names[0], "second": names[1], "difference": -published.difference}
        )
    return Comparison(
        first=names[0],
        second=names[1],
        first_label=plan.label(names[0]),
        second_label=plan.label(names[1]),
        seeds=seeds,
        per_seed=per_seed,
        difference=found.difference,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        adjusted=found.p_value,
        better=None,
        error=found.error,
        published=published,
    )


def _score(row: Row) -> float:
    if row.result is None:
        raise UsageError(f"{row.id}: is no result")
    return row.result.scores.mean


def _adjusted(steps: Sequence[Step], declared: int) -> list[Step]:
    """The steps with p-values corrected over all comparisons that the claim declares."""
    found = [one.p_value for step in steps for one in step.comparisons]
    adjusted = iter(holm(np.array(found + [1.0] * (declared - len(found)))))
    done = []
    for step in steps:
        comparisons = []
        for one in step.comparisons:
            p_value = float(next(adjusted))
            wins = one.first if (one.difference > 0) == step.higher_is_better else one.second
            comparisons.append(dataclasses.replace(one, adjusted=p_value, better=wins if p_value < 1 - LEVEL else None))
        done.append(dataclasses.replace(step, comparisons=tuple(comparisons)))
    return done


def _plain(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else value
