"""The report of a claim: a page with its tables, and a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import write_atomic, write_error
from hcmoco_bench.files.templates import render_template
from hcmoco_bench.leaderboard.ties.scoring import SINGLE_SAMPLES
from hcmoco_bench.plotting.method_scores import MethodBar, ScorePanel, method_scores_figure
from hcmoco_bench.plotting.save import save_figure
from hcmoco_bench.study.findings import ClaimFindings, Comparison, MethodScore, Step
from hcmoco_bench.study.folder import StudyFolder

_TEMPLATE: Final = Path(__file__).resolve().parent / "templates" / "claim.md"


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
    table, picture = folder.report / f"{findings.name}.md", folder.report / f"{findings.name}.png"
    try:
        folder.report.mkdir(parents=True, exist_ok=True)
        if findings.steps:
            save_figure(method_scores_figure(list(map(_panel, findings.steps))), picture)
        else:
            picture.unlink(missing_ok=True)
    except StoreError:
        raise
    except OSError as error:
        raise write_error(picture, error) from error
    write_atomic(table, claim_page(findings, folder, picture.name if findings.steps else ""))
    return ReportFiles(table, picture if findings.steps else None)


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
            "seeds": seeds,
            "scores": [_score_row(step, one, seeds) for step in findings.steps for one in step.methods],
            "differences": [_difference_row(step, one) for step in findings.steps for one in step.comparisons],
            "notes": list(_notes(findings)),
            "missing": findings.missing,
        },
    )


def _score_row(step: Step, one: MethodScore, seeds: list[int]) -> dict[str, Any]:
    by_seed = dict(zip(one.seeds, one.per_seed, strict=True))
    return {
        "task": f"{step.task} ({_of(step.score, step.unit)})",
        "labels": step.labels,
        "method": one.label,
        "per_seed": [f"{by_seed[seed]:.2f}" if seed in by_seed else "–" for seed in seeds],
        "mean": f"{one.mean:.2f}",
        "std": "–" if one.std is None else f"{one.std:.2f}",
        "interval": _interval(one.low, one.high),
    }


def _difference_row(step: Step, one: Comparison) -> dict[str, Any]:
    single = one.error.n_seeds < 2
    stated = one.published
    return {
        "task": f"{step.task} ({_of(step.score, step.difference_unit)})",
        "labels": step.labels,
        "what": f"{one.first_label} − {one.second_label}",
        "seeds": len(one.seeds),
        "mean": f"{one.difference:+.2f}",
        "interval": _interval(one.low, one.high, sign="+"),
        "groups": _number(one.error.groups),
        "of_seeds": "not known" if single else _number(one.error.seeds),
        "p": _p(one.p_value),
        "adjusted": _p(one.adjusted),
        "better": "" if one.better is None else one.first_label if one.better == one.first else one.second_label,
        "published": "" if stated is None else f"{stated.difference:+g} ({stated.source})",
    }


def _notes(findings: ClaimFindings) -> Iterator[str]:
    for step in findings.steps:
        order = "higher" if step.higher_is_better else "lower"
        groups = "" if step.grouped_by == SINGLE_SAMPLES else f", {step.n_groups:,} {step.grouped_by}"
        told = f"{step.n_samples:,} samples of {step.data}{groups}"
        yield f"{step.task}, {step.labels} of the labels: {told}; {order} is better."
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


def _panel(step: Step) -> ScorePanel:
    return ScorePanel(
        title=f"{step.task}, {step.labels} of the labels",
        axis=f"{_of(step.score, step.unit)} ({'higher' if step.higher_is_better else 'lower'} is better)",
        bars=tuple(MethodBar(one.label, one.mean, one.low, one.high, one.per_seed) for one in step.methods),
    )


def _of(score: str, unit: str) -> str:
    return f"{score}, {unit}" if unit and unit not in score else score


def _interval(low: float, high: float, sign: str = "") -> str:
    return "not known" if math.isnan(low) else f"{low:{sign}.2f} to {high:{sign}.2f}"


def _number(value: float) -> str:
    return "not known" if math.isnan(value) else f"{value:.2f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
