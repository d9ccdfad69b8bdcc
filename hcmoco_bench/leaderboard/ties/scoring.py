"""How the rows of a table are scored, and which of their samples belong together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from hcmoco_bench.leaderboard.row import EvidenceFile
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.tasks.core.task import Task

GroupsOf = Callable[[Sequence[str]], Sequence[Hashable] | None]
"""From sample ids to the group of each (a performer, a video); None if every sample stands for itself."""

SINGLE_SAMPLES = "samples"
"""What is drawn where samples have no groups."""


@dataclass(frozen=True)
class Contender:
    """What the comparison needs of a row; a `Row` has the same attributes.

    Attributes:
        id: Unique among what is compared.
        name: Name for readers.
        evidence: Evidence files, one for each seed.
    """

    id: str
    name: str
    evidence: tuple[EvidenceFile, ...]


@dataclass(frozen=True)
class Scoring:
    """The main score of a table.

    Attributes:
        score: From the evidence of one seed to the score.
        identity: Task, version of the task, and name of the score: equal exactly where `score` is the same function.
        groups: Groups of samples by their ids alone, so that no evidence file chooses its own.
        grouped_by: What a group is, in the plural, e.g. `performers`.
        name: Name of the score for readers, e.g. `mIoU`.
        unit: Unit of a difference of scores, e.g. `points`; empty for none.
        higher_is_better: Whether a higher score is better.
    """

    score: Callable[[Evidence], float]
    identity: str
    groups: GroupsOf
    grouped_by: str
    name: str
    unit: str = ""
    higher_is_better: bool = True


def task_scoring(
    task: Task[Any], groups: GroupsOf, grouped_by: str, *, name: str | None = None, main: str | None = None
) -> Scoring:
    """The main score of a task or protocol; differences of percentages are in points.

    Args:
        task: The task, which computes scores from evidence.
        groups: Groups of samples by their ids.
        grouped_by: What a group is, in the plural.
        name: Name of the score for readers; None for `main`.
        main: Key of the score; None for that of the task's record.
    """
    record = task.record
    main = record.main_score if main is None else main

    def score(evidence: Evidence) -> float:
        return task.scores(evidence)[main]

    return Scoring(
        score=score,
        identity=f"{record.id} {record.version} {main}",
        groups=groups,
        grouped_by=grouped_by,
        name=main if name is None else name,
        unit="points" if record.unit == "%" else record.unit,
        higher_is_better=record.higher_is_better,
    )
