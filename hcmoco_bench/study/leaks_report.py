"""The report of the leaks: a page with the price list, and a picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.files.templates import render_template
from hcmoco_bench.plotting.effects import Effect, effects_figure
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.leaks import LeakFinding, LeakFindings
from hcmoco_bench.study.plan import LEAKS
from hcmoco_bench.study.report import (
    ReportFiles,
    groups_text,
    score_text,
    uncertainty,
    write_report_files,
)

_TEMPLATE: Final = Path(__file__).resolve().parent / "templates" / "leaks.md"


def write_leaks_report(findings: LeakFindings, folder: StudyFolder) -> ReportFiles:
    """Write `report/leaks.md` and `report/leaks.png` in the study's folder.

    Raises:
        StoreError: If they cannot be written.
    """
    units = dict.fromkeys(_axis(one) for one in findings.leaks)
    groups = [(unit, [_effect(one) for one in findings.leaks if _axis(one) == unit]) for unit in units]
    figure = effects_figure(groups) if groups else None
    return write_report_files(LEAKS, figure, lambda picture: leaks_page(findings, folder, picture), folder)


def leaks_page(findings: LeakFindings, folder: StudyFolder, picture: str) -> str:
    """The page's text.

    Args:
        findings: What is known of the leaks.
        folder: Folder of the study, which knows the plan's name and size.
        picture: Name of the picture beside it; empty for none.
    """
    plan, size = folder.kept() or ("", None)
    return render_template(
        _TEMPLATE,
        {
            "plan": plan,
            "size": size or "",
            "picture": picture,
            "status": findings.summary.partition(": ")[2],
            "rows": [_row(one) for one in findings.leaks],
            "notes": list(_notes(findings)),
            "missing": findings.missing,
        },
    )


def _row(one: LeakFinding) -> dict[str, Any]:
    return {
        "title": one.title,
        "what": one.what,
        "score": score_text(one.score, one.unit),
        "leaky": f"{one.leaky:.2f}",
        "honest": f"{one.honest:.2f}",
        "worth": f"{one.worth:+.2f}",
        **uncertainty(one),
    }


def _notes(findings: LeakFindings) -> Iterator[str]:
    for one in findings.leaks:
        scored = f"{one.n_leaky:,} samples"
        if one.n_honest != one.n_leaky:
            scored += f" with it and {one.n_honest:,} without"
        order = "higher" if one.higher_is_better else "lower"
        yield f"{one.title}: {scored}{groups_text(one)}; {order} is better."
    if findings.leaks:
        yield (
            f"The worth of a leak is the score with it less the score without it. P-values are corrected by Holm over "
            f"all {findings.n_leaks} leaks of the plan; intervals are those of each leak by itself, over the groups "
            "that were scored and the seeds."
        )


def _axis(one: LeakFinding) -> str:
    return f"score with the leak less score without it ({score_text(one.score, one.difference_unit)})"


def _effect(one: LeakFinding) -> Effect:
    return Effect(one.title, one.worth, one.low, one.high, one.shown)
