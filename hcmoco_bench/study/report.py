"""The report of a claim: a page with its tables, and a picture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import write_atomic, write_error
from hcmoco_bench.files.templates import render_template
from hcmoco_bench.leaderboard.ties.scoring import SINGLE_SAMPLES
from hcmoco_bench.plotting.method_curves import CurvePanel, method_curves_figure
from hcmoco_bench.plotting.method_scores import ScorePanel, method_scores_figure
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.plotting.seed_scores import SeedScores
from hcmoco_bench.study.findings import ClaimFindings, Comparison, MethodScore, Step
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.leaks import LeakFinding
from hcmoco_bench.study.plan_tables import CurvesPlan

_TEMPLATE: Final = Path(__file__).resolve().parent / "templates" / "claim.md"

_CURVE: Final = 3
"""Amounts from which on a task is drawn as a curve."""


@dataclass(frozen=True)
class ReportFiles:
    """What was written of a claim.

    Attributes:
        table: The page, Markdown.
        picture: The picture, PNG; None without any result.
    """

    table: Path
    picture: Path | None


def write_report(findings: ClaimFindings, folder: StudyFolder) -> ReportFiles:
    """Write `report/CLAIM.md` and `report/CLAIM.png` in the study's folder.

    Raises:
        StoreError: If they cannot be written.
    """
    figure = claim_figure(findings) if findings.steps else None
    return write_report_files(findings.name, figure, lambda picture: claim_page(findings, folder, picture), folder)


def write_report_files(
    name: str, figure: Figure | None, page: Callable[[str], str], folder: StudyFolder
) -> ReportFiles:
    """Write a page and its picture, or take away an earlier picture.

    Args:
        name: Stem of both files.
        figure: The picture; None for none.
        page: From the name of the picture's file, empty without one, to the text.
        folder: Folder of the study.

    Raises:
        StoreError: If they cannot be written.
    """
    table, picture = folder.report / f"{name}.md", folder.report / f"{name}.png"
    try:
        folder.report.mkdir(parents=True, exist_ok=True)
        if figure is None:
            picture.unlink(missing_ok=True)
        else:
            save_figure(figure, picture)
    except StoreError:
        raise
    except OSError as error:
        raise write_error(picture, error) from error
    write_atomic(table, page("" if figure is None else picture.name))
    return ReportFiles(table, None if figure is None else picture)


def claim_page(findings: ClaimFindings, folder: StudyFolder, picture: str) -> str:
    """The page's text.

    Args:
        findings: What is known of the claim.
        folder: Folder of the study, which knows the plan's name and size.
        picture: Name of the picture beside it; empty for none.
    """
    plan, size = folder.kept() or ("", None)
    seeds = sorted({seed for step in findings.steps for one in step.methods for seed in one.seeds})
    return render_template(
        _TEMPLATE,
        {
            "claim": findings,
            "plan": plan,
            "size": size or "",
            "picture": picture,
            "status": findings.summary.partition(": ")[2],
            "amounts": _amounts(findings.steps),
            "seeds": seeds,
            "scores": [_score_row(step, one, seeds) for step in findings.steps for one in step.methods],
            "differences": [_difference_row(step, one) for step in findings.steps for one in step.comparisons],
            "notes": list(_notes(findings)),
            "missing": findings.missing,
        },
    )


def _amounts(steps: Sequence[Step]) -> str:
    """Heading of the column that tells the steps of a task apart."""
    of_epochs = {step.at.epochs is not None for step in steps}
    return "labels or epochs" if len(of_epochs) > 1 else "epochs" if True in of_epochs else "labels"


def _score_row(step: Step, one: MethodScore, seeds: list[int]) -> dict[str, Any]:
    by_seed = dict(zip(one.seeds, one.per_seed, strict=True))
    return {
        "task": f"{step.title} ({score_text(step.score, step.unit)})",
        "amount": step.at.label,
        "method": one.label,
        "per_seed": [f"{by_seed[seed]:.2f}" if seed in by_seed else "–" for seed in seeds],
        "mean": f"{one.mean:.2f}",
        "std": "–" if one.std is None else f"{one.std:.2f}",
        "interval": interval_text(one.low, one.high),
    }


def _difference_row(step: Step, one: Comparison) -> dict[str, Any]:
    stated = one.published
    return {
        "task": f"{step.title} ({score_text(step.score, step.difference_unit)})",
        "amount": step.at.label,
        "what": f"{one.first_label} − {one.second_label}",
        "mean": f"{one.difference:+.2f}",
        **uncertainty(one),
        "better": "" if one.better is None else one.first_label if one.better == one.first else one.second_label,
        "published": "" if stated is None else f"{stated.difference:+g} ({stated.source})",
    }


def uncertainty(one: Comparison | LeakFinding) -> dict[str, Any]:
    """How sure a difference is, as the columns of a table: seeds, interval, errors and p-values."""
    return {
        "seeds": len(one.seeds),
        "interval": interval_text(one.low, one.high, sign="+"),
        "groups": number_text(one.error.groups),
        "of_seeds": "not known" if one.error.n_seeds < 2 else number_text(one.error.seeds),
        "p": p_value_text(one.p_value),
        "adjusted": p_value_text(one.adjusted),
    }


def groups_text(one: Step | LeakFinding) -> str:
    """The number of groups behind a number of samples, e.g. `, 21 performers`; empty where samples have none."""
    return "" if one.grouped_by == SINGLE_SAMPLES else f", {one.n_groups:,} {one.grouped_by}"


def _notes(findings: ClaimFindings) -> Iterator[str]:
    for step in findings.steps:
        order = "higher" if step.higher_is_better else "lower"
        told = f"{step.n_samples:,} samples of {step.data}{groups_text(step)}"
        yield f"{step.title}, {step.at.what}: {told}; {order} is better."
    if not findings.comparisons:
        return
    yield (
        f"A method is named as better where p by Holm over all {findings.n_comparisons} comparisons of the claim is "
        "below 0.05; comparisons without results count among them. Intervals are those of each difference by itself."
    )
    yield (
        "Errors of a difference have two sources: the groups that were scored, and the seeds. Their squares are added; "
        "degrees of freedom are those of Welch and Satterthwaite."
    )
    if any(one.error.n_seeds < 2 for one in findings.comparisons):
        yield (
            "A difference of one seed has the error of the groups alone: it compares two trained models, and says "
            "nothing of how the methods would differ with other seeds."
        )
    if any(one.published is not None for one in findings.comparisons):
        yield "Published differences are of other data and other sizes; they are shown for the direction."


def claim_figure(findings: ClaimFindings) -> Figure:
    """The picture of a claim that has results.

    It shows curves where the plan asks for them or every task has three amounts or more, and a line for each method
    otherwise.
    """
    if findings.curves is not None:
        return method_curves_figure([_planned_curves(step, findings.curves) for step in findings.steps])
    of_task: dict[str, list[Step]] = {}
    for step in findings.steps:
        of_task.setdefault(step.task, []).append(step)
    if all(len(steps) >= _CURVE for steps in of_task.values()):
        return method_curves_figure([_curves(steps) for steps in of_task.values()])
    return method_scores_figure(list(map(_panel, findings.steps)))


def _curves(steps: list[Step]) -> CurvePanel:
    first = steps[0]
    points: dict[str, list[tuple[float, SeedScores]]] = {}
    for step in steps:
        for one in step.methods:
            points.setdefault(one.label, []).append((step.at.value, _seed_scores(one)))
    return CurvePanel(
        title=first.title,
        amounts="epochs" if first.at.epochs is not None else "share of the labels",
        axis=_score_axis(first),
        ticks=tuple((step.at.value, step.at.label.removesuffix(" epochs")) for step in steps),
        curves=tuple((label, tuple(sorted(found, key=lambda one: one[0]))) for label, found in points.items()),
    )


def _planned_curves(step: Step, curves: CurvesPlan) -> CurvePanel:
    found = {one.method: one for one in step.methods}
    lines = {
        label: sorted((amount, _seed_scores(found[name])) for name, amount in methods.items() if name in found)
        for label, methods in curves.of.items()
    }
    amounts = sorted({amount for methods in curves.of.values() for amount in methods.values()})
    return CurvePanel(
        title=f"{step.title}, {step.at.what}",
        amounts=curves.amounts,
        axis=_score_axis(step),
        ticks=tuple((amount, f"{amount:g}") for amount in amounts),
        curves=tuple((label, tuple(points)) for label, points in lines.items() if points),
        levels=tuple((one.label, _seed_scores(one)) for one in step.methods if one.method not in curves.methods),
    )


def _panel(step: Step) -> ScorePanel:
    return ScorePanel(
        title=f"{step.title}, {step.at.what}",
        axis=_score_axis(step),
        bars=tuple((one.label, _seed_scores(one)) for one in step.methods),
    )


def _score_axis(step: Step) -> str:
    return f"{score_text(step.score, step.unit)} ({'higher' if step.higher_is_better else 'lower'} is better)"


def _seed_scores(score: MethodScore) -> SeedScores:
    return SeedScores(score.mean, score.low, score.high, score.per_seed)


def score_text(score: str, unit: str) -> str:
    """A score with its unit, unless its name says it."""
    return f"{score}, {unit}" if unit and unit not in score else score


def interval_text(low: float, high: float, sign: str = "") -> str:
    """An interval, with the sign of both ends if `sign` is +."""
    return "not known" if math.isnan(low) else f"{low:{sign}.2f} to {high:{sign}.2f}"


def number_text(value: float) -> str:
    """A number with two digits after the point."""
    return "not known" if math.isnan(value) else f"{value:.2f}"


def p_value_text(value: float) -> str:
    """A p-value with three digits after the point."""
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
