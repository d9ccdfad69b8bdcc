"""From evaluations to the result file, its evidence, its problem lines and its images."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.results.evidence import Evidence, save_evidence
from hcmoco_bench.results.schema import (
    DataEntry,
    EvidenceEntry,
    ModelEntry,
    Result,
    RunEntry,
    ScoreEntry,
    StatusEntry,
    TaskEntry,
    write_result,
)
from hcmoco_bench.results.statistics import bootstrap_interval, mean_of_known, seed_summary
from hcmoco_bench.tasks.core.task import Evaluation, Task
from hcmoco_bench.tasks.core.task_data import TaskData

BOOTSTRAP = 1000


@dataclass(frozen=True)
class Writing:
    """A result that was written.

    Attributes:
        path: The result file.
        result: Its content.
        figures: Files of the figures.
        problems: The file of problem lines; None if there are none.
    """

    path: Path
    result: Result
    figures: tuple[Path, ...]
    problems: Path | None


def check_free(path: Path) -> None:
    """Raise UsageError if there is already a result; to be called before the work starts."""
    if path.suffix != ".json":
        raise UsageError(f"{path}: a result file ends in .json")
    if path.exists():
        raise UsageError(f"{path}: holds a result; results are not overwritten, give another --out")


def write_evaluations(
    path: Path,
    task: Task[Any],
    data: TaskData,
    protocol: str,
    evaluations: Sequence[Evaluation],
    *,
    model: ModelEntry,
    run: RunEntry,
    variant: str = "",
    notes: Sequence[str] = (),
    bootstrap: int = BOOTSTRAP,
) -> Writing:
    """Write the result of one model, with evidence, problem lines and images beside it; one evaluation for each seed.

    Whoever runs it, a result says of itself that it is self-reported; more than that is for others to find.

    Args:
        path: The result file; the others take its stem, made `storable`: `<stem>-evidence-<n>.npz`,
            `<stem>-problems.jsonl`, `<stem>-figures/`.
        task: The task.
        data: The split that was scored.
        protocol: Name of the protocol.
        evaluations: The evaluation of each seed; figures and problem lines are those of the first.
        model: What was scored.
        run: How it was scored.
        variant: Variant of the task.
        notes: Notes for readers of the result.
        bootstrap: Number of draws of the interval; 0 for no interval.

    Raises:
        UsageError: If there is a result of that name.
        StoreError: If it cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    first = evaluations[0]
    entries = []
    for number, evaluation in enumerate(evaluations):
        file = _beside(path, f"-evidence-{number}.npz")
        entries.append(EvidenceEntry(file=file.name, sha256=save_evidence(file, evaluation.evidence)))
    groups = interval_groups(task, data.ids, data.groups)
    result = Result(
        task=TaskEntry(
            id=task.record.id,
            version=str(task.record.version),
            protocol=protocol,
            variant=variant,
            split=data.split,
            split_sha256=data.split_sha256,
        ),
        model=model,
        data=DataEntry(
            name=data.stated_name,
            manifest_sha256=data.manifest_sha256,
            n_expected=first.n_expected,
            n_scored=first.n_scored,
        ),
        run=run,
        scores=score_entry(task, protocol, evaluations, bootstrap=bootstrap, groups=groups),
        evidence=tuple(entries),
        status=StatusEntry(
            tier="self-reported", notes=(*notes, *_notes(task, data, protocol, first, groups if bootstrap else None))
        ),
    )
    write_result(path, result)
    figures = []
    for figure in first.figures:
        figures.append(_beside(path, "-figures") / f"{figure.name}.png")
        save_figure(figure.draw(), figures[-1])
    problems = (*data.problems, *first.problems)
    return Writing(path, result, tuple(figures), _write_problems(path, problems))


def _beside(path: Path, end: str) -> Path:
    """A file beside the result, under a name that the result can hold."""
    stem = storable(path.stem).replace("\\", "_")
    return path.with_name(f"{stem}{end}")


def interval_groups(task: Task[Any], ids: Sequence[str], groups: Sequence[str] | None = None) -> dict[str, str] | None:
    """The group of each sample, which the interval draws as a whole; None where there are fewer than two groups.

    Groups come from the ids where the task can tell them, so that whoever has only the evidence gets the same interval.

    Args:
        task: The task.
        ids: Ids of the samples.
        groups: What the data says of the group of each, where ids do not tell it; None if nothing does.
    """
    by_id = task.groups(ids)
    groups = groups if by_id is None else by_id.of
    if groups is None or len(set(groups)) < 2:
        return None
    return dict(zip(ids, groups, strict=True))


def score_entry(
    task: Task[Any],
    protocol: str,
    evaluations: Sequence[Evaluation],
    *,
    bootstrap: int = BOOTSTRAP,
    groups: Mapping[str, str] | None = None,
) -> ScoreEntry:
    """The scores over seeds: mean, deviation, and a bootstrap interval of the mean over the same samples.

    Args:
        task: The task, which computes scores from evidence.
        protocol: Name of the protocol, which may have a main score of its own.
        evaluations: The evaluation of each seed.
        bootstrap: Number of draws of the interval; 0 for no interval.
        groups: Group of each sample; the interval then draws whole groups.
    """
    main = task.record.main_score_of(protocol)
    per_seed = [evaluation.scores[main] for evaluation in evaluations]
    summary = seed_summary(per_seed)
    names = evaluations[0].scores
    classes = evaluations[0].per_class
    return ScoreEntry(
        main=main,
        unit=task.record.unit,
        mean=summary.mean,
        std=summary.std,
        ci95=score_interval(task, main, [one.evidence for one in evaluations], bootstrap, groups)
        if bootstrap
        else None,
        ci95_draws=bootstrap or None,
        per_seed=tuple(per_seed),
        per_class={
            name: {
                figure: mean_of_known([evaluation.per_class[name][figure] for evaluation in evaluations])
                for figure in figures
            }
            for name, figures in classes.items()
        },
        all={name: mean_of_known([evaluation.scores[name] for evaluation in evaluations]) for name in names},
    )


def score_interval(
    task: Task[Any], main: str, evidences: Sequence[Evidence], draws: int, groups: Mapping[str, str] | None
) -> tuple[float, float]:
    """The 95 % interval of a score, mean over seeds; each draw takes the same samples for all seeds.

    Args:
        task: The task, which computes scores from evidence.
        main: Name of the score.
        evidences: The evidence of each seed, of the same samples in the same order.
        draws: Number of draws.
        groups: Group of each sample, which is drawn as a whole; None to draw single samples.
    """
    first = evidences[0]
    columns = {
        f"{number}/{name}": column
        for number, evidence in enumerate(evidences)
        for name, column in evidence.columns.items()
    }
    together = Evidence(first.metric, first.sample_ids, columns, first.meta)
    metas = [evidence.meta for evidence in evidences]

    def score(drawn: Evidence) -> float:
        values = []
        for number, meta in enumerate(metas):
            own = {name: drawn.columns[f"{number}/{name}"] for name in first.columns}
            piece = Evidence(drawn.metric, drawn.sample_ids, own, meta)
            values.append(task.scores(piece)[main])
        return math.fsum(values) / len(values)

    named = None if groups is None else [groups[name] for name in together.sample_ids]
    return bootstrap_interval(together, score, n=draws, groups=named)


def _notes(
    task: Task[Any], data: TaskData, protocol: str, evaluation: Evaluation, drawn: Mapping[str, str] | None
) -> list[str]:
    notes = []
    rules = task.record.protocol(protocol)
    if rules.leaks is not None:
        notes.append(f"protocol {protocol} leaks: {rules.leaks}")
    if rules.error is not None:
        notes.append(f"protocol {protocol} has an error: {rules.error}")
    if drawn is not None:
        notes.append(f"ci95 draws whole groups ({len(set(drawn.values()))} people or videos), not single samples")
    missing = evaluation.n_expected - evaluation.n_scored
    if missing:
        notes.append(f"{missing} of {evaluation.n_expected} samples of {data.split} were not scored; see the problems")
    return notes


def _write_problems(path: Path, problems: Sequence[Problem]) -> Path | None:
    if not problems:
        return None
    file = _beside(path, "-problems.jsonl")
    write_atomic(file, "".join(f"{problem.to_json()}\n" for problem in problems))
    return file
