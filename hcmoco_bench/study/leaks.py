"""What each leak is worth: the difference of scores with it and without it, with errors of groups and of seeds."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import UsageError
from hcmoco_bench.leaderboard.collect import scoring_of
from hcmoco_bench.leaderboard.contenders import result_row
from hcmoco_bench.leaderboard.row import Row
from hcmoco_bench.leaderboard.ties.holm import holm
from hcmoco_bench.leaderboard.ties.pairs import compare_pairs
from hcmoco_bench.leaderboard.ties.ranks import LEVEL
from hcmoco_bench.leaderboard.ties.scoring import SINGLE_SAMPLES, Scoring
from hcmoco_bench.leaderboard.ties.table import DRAWS
from hcmoco_bench.results.evidence import Evidence, load_evidence
from hcmoco_bench.results.resampling import GroupDraws
from hcmoco_bench.study.cells import Cells, Score
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.study.plan_tables import ArmPlan, LeakPlan
from hcmoco_bench.study.record import current_record
from hcmoco_bench.study.seeds_and_groups import CombinedError, mean_difference
from hcmoco_bench.training.run_files import RESULT_FILE


@dataclass(frozen=True)
class LeakFinding:
    """What is known of a leak.

    Attributes:
        name: Name of the leak in the plan.
        title: Its title.
        what: What is done, in a sentence.
        score: Name of the score for readers.
        unit: Unit of the scores.
        difference_unit: Unit of their differences.
        higher_is_better: Whether a higher score is better.
        seeds: Seeds whose results are there with the leak and without.
        leaky: Mean score with the leak.
        honest: Mean score without it.
        per_seed: Score with the leak less the score without it, for each seed.
        worth: Mean of these differences.
        low: Lower end of its 95 % interval by itself; nan if it is not known.
        high: Upper end.
        p_value: Two-sided p-value by itself.
        adjusted: The same by Holm's correction over all leaks of the plan.
        error: The standard error and its parts.
        n_leaky: Number of samples that are scored with the leak.
        n_honest: Number without it.
        n_groups: Number of groups that the bootstrap draws.
        grouped_by: What a group is, in the plural.
    """

    name: str
    title: str
    what: str
    score: str
    unit: str
    difference_unit: str
    higher_is_better: bool
    seeds: tuple[int, ...]
    leaky: float
    honest: float
    per_seed: tuple[float, ...]
    worth: float
    low: float
    high: float
    p_value: float
    adjusted: float
    error: CombinedError
    n_leaky: int
    n_honest: int
    n_groups: int
    grouped_by: str

    @property
    def shown(self) -> bool:
        """Whether the scores differ by the adjusted p-value."""
        return self.adjusted < 1 - LEVEL


@dataclass(frozen=True)
class LeakFindings:
    """What is known of the leaks of a plan.

    Attributes:
        leaks: Those with results on both sides.
        n_leaks: Number of leaks that the plan declares, over which p-values are corrected.
        n_cells: Number of fine-tunings that they need.
        missing: Names of the fine-tunings without a result.
    """

    leaks: tuple[LeakFinding, ...]
    n_leaks: int
    n_cells: int
    missing: tuple[str, ...]

    @property
    def summary(self) -> str:
        """How complete the leaks are and how many change a score, in a sentence or two."""
        shown = sum(one.shown for one in self.leaks)
        return (
            f"leaks: {self.n_cells - len(self.missing)} of {self.n_cells} results are there; {shown} of {self.n_leaks} "
            "leaks change the score."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self) | {"summary": self.summary}


def leak_findings(plan: Plan, cells: Cells, folder: StudyFolder, *, draws: int = DRAWS) -> LeakFindings:
    """Measure what the leaks are worth, by whatever results are there.

    P-values are corrected by Holm over all leaks of the plan, as `claim_findings` does over comparisons.

    Args:
        plan: The plan.
        cells: Cells of its leaks.
        folder: Folder of the study.
        draws: Draws of the bootstrap.

    Raises:
        UsageError: If both sides of a leak have no sample in common but should, or other main scores; if seeds of a
            side were scored on other samples; if the evidence knows no such rule.
        DataError: If a result or its evidence is missing or damaged.
    """
    found: list[LeakFinding] = []
    needed: dict[str, bool] = {}
    for name, sides in cells.leaks.items():
        there = []
        for scores in sides:
            by_seed = {}
            for one in scores:
                needed[one.cell] = current_record(folder, cells.by_name[one.cell]) is not None
                if needed[one.cell]:
                    by_seed[one.seed] = one
            there.append(by_seed)
        seeds = tuple(seed for seed in plan.leak[name].seeds if all(seed in side for side in there))
        if seeds:
            arms = [[side[seed] for seed in seeds] for side in there]
            found.append(_finding(name, plan.leak[name], seeds, arms[0], arms[1], folder, draws))
    p_values = np.array([one.p_value for one in found] + [1.0] * (len(plan.leak) - len(found)))
    adjusted = holm(p_values) if len(p_values) else p_values
    return LeakFindings(
        leaks=tuple(
            dataclasses.replace(one, adjusted=float(value)) for one, value in zip(found, adjusted, strict=False)
        ),
        n_leaks=len(plan.leak),
        n_cells=len(needed),
        missing=tuple(name for name, done in needed.items() if not done),
    )


@dataclass(frozen=True, eq=False)
class _Side:
    """One side of a leak: how it is scored, and the evidence of each seed, with the samples in one order."""

    scoring: Scoring
    row: Row
    evidences: tuple[Evidence, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        return self.evidences[0].sample_ids

    def of(self, ids: Sequence[str]) -> _Side:
        """The side on some of its samples."""
        place = {name: row for row, name in enumerate(self.ids)}
        rows = [place[name] for name in ids]
        return dataclasses.replace(self, evidences=tuple(one.select(rows) for one in self.evidences))

    def drawn(self, groups: Sequence[Hashable], order: Sequence[Hashable], n: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Mean scores over the seeds, (n,) under each draw and (K,) without each part of the groups in `order`."""
        rows: dict[Hashable, list[int]] = {group: [] for group in order}
        for row, group in enumerate(groups):
            rows[group].append(row)
        draws = GroupDraws(tuple(np.array(rows[group], np.intp) for group in order), n, 0)
        found = np.array(
            [
                np.mean([self.scoring.score(one.select(picked)) for one in self.evidences]) if len(picked) else math.nan
                for picked in chain(draws.rows(), draws.kept_rows())
            ]
        )
        return found[:n], found[n:]


def _finding(
    name: str,
    leak: LeakPlan,
    seeds: tuple[int, ...],
    leaky_scores: Sequence[Score],
    honest_scores: Sequence[Score],
    folder: StudyFolder,
    draws: int,
) -> LeakFinding:
    leaky, honest = _side(leak.leaky, leaky_scores, folder), _side(leak.honest, honest_scores, folder)
    if leaky.scoring.identity != honest.scoring.identity:
        raise UsageError(
            f"leak.{name}: its sides have the scores {leaky.scoring.name} and {honest.scoring.name}, which do not "
            "compare; give both sides protocols with the same main score"
        )
    if leak.samples == "common":
        common = sorted(set(leaky.ids) & set(honest.ids))
        if not common:
            raise UsageError(
                f'leak.{name}: its sides have no sample in common; write samples = "own" if the samples are the leak'
            )
        leaky, honest = leaky.of(common), honest.of(common)
    sides = (leaky, honest)
    group_of, grouped_by = _groups(sides)
    order = list(dict.fromkeys(group_of.values()))
    drawn = [side.drawn([group_of[name] for name in side.ids], order, draws) for side in sides]
    per_side = [[side.scoring.score(one) for one in side.evidences] for side in sides]
    per_seed = tuple(first - second for first, second in zip(*per_side, strict=True))
    means = [math.fsum(scores) / len(scores) for scores in per_side]
    pairs = compare_pairs(
        np.array(means), np.stack([one[0] for one in drawn]), np.stack([one[1] for one in drawn]), len(order)
    )
    found = mean_difference(pairs, per_seed, LEVEL)
    return LeakFinding(
        name=name,
        title=leak.title,
        what=leak.what,
        score=leaky.scoring.name,
        unit=leaky.row.unit,
        difference_unit=leaky.scoring.unit,
        higher_is_better=leaky.scoring.higher_is_better,
        seeds=seeds,
        leaky=means[0],
        honest=means[1],
        per_seed=per_seed,
        worth=found.difference,
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        adjusted=1.0,
        error=found.error,
        n_leaky=len(leaky.ids),
        n_honest=len(honest.ids),
        n_groups=len(order),
        grouped_by=grouped_by,
    )


def _side(arm: ArmPlan, scores: Sequence[Score], folder: StudyFolder) -> _Side:
    rows = [result_row(folder.record(one.cell) / RESULT_FILE) for one in scores]
    evidences: list[Evidence] = []
    for row in rows:
        (file,) = row.evidence
        evidence = load_evidence(file.path, sha256=file.sha256)
        if evidences and evidence.sample_ids != evidences[0].sample_ids:
            raise UsageError(
                f"{row.id}: was scored on other samples than {rows[0].id}; delete the folders of both, and study run "
                "makes them again"
            )
        evidences.append(dataclasses.replace(evidence, meta={**evidence.meta, **_known(arm.rules, evidence, row)}))
    return _Side(scoring_of(rows[0]), rows[0], tuple(evidences))


def _known(rules: Mapping[str, Any], evidence: Evidence, row: Row) -> Mapping[str, Any]:
    for name in rules:
        if name not in evidence.meta:
            raise UsageError(
                f"{row.id}: its evidence knows no rule {name!r}; it has {', '.join(sorted(evidence.meta)) or 'none'}"
            )
    return rules


def _groups(sides: Sequence[_Side]) -> tuple[Mapping[str, Hashable], str]:
    """The group of each sample of any side, and what a group is; one rule for all sides, which are drawn together."""
    ids = list(dict.fromkeys(chain(*(side.ids for side in sides))))
    found = sides[0].scoring.groups(ids)
    if found is None:
        return {name: name for name in ids}, SINGLE_SAMPLES
    return dict(zip(ids, found, strict=True)), sides[0].scoring.grouped_by
