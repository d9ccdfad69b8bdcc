"""Leaks: what they are worth, against the comparison of a claim and against a slow plain version."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from study_plans import plan_values
from study_results import JOINTS, Counts, ids_of, write_cell
from test_study_report import COUNTS, counts_of

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.study.cells import Cells, cells_of
from hcmoco_bench.study.findings import claim_findings
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.leaks import LeakFindings, leak_findings
from hcmoco_bench.study.leaks_report import write_leaks_report
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.study.read_plan import PlanFile

LEAK = {
    "title": "True | boxes",
    "what": "Boxes are those of the true joints.",
    "leaky": {"task": "pose", "method": "both"},
    "honest": {"task": "pose"},
}


def leaky_values(**leak: Any) -> dict[str, Any]:
    values = plan_values()
    values["claim"] = {
        "pose": {
            "title": "Poses",
            "question": "Which is best?",
            "tasks": ["pose"],
            "methods": ["scratch", "both"],
            "comparisons": [["both", "scratch"]],
        }
    }
    return values | {"leak": {"boxes": LEAK | leak}}


def written(plan: Plan, folder: StudyFolder, counts: Callable[[str, int], Counts | None]) -> tuple[Cells, LeakFindings]:
    """The records of the leak, and what is found in them."""
    cells = cells_of(plan)
    folder.prepare()
    folder.keep_plan("tests", None, plan)
    for side in cells.leaks["boxes"]:
        for score in side:
            found = counts(score.method, score.seed)
            if found is not None:
                write_cell(folder, cells, score, found, score.method)
    return cells, leak_findings(plan, cells, folder)


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


@pytest.mark.parametrize("samples", ["common", "own"])
def test_on_the_same_samples_a_leak_is_a_comparison(folder: StudyFolder, samples: str) -> None:
    plan = Plan.model_validate(leaky_values(samples=samples))
    cells, found = written(plan, folder, lambda method, seed: COUNTS[method, seed])
    (leak,) = found.leaks
    (step,) = claim_findings(plan, "pose", cells, folder).steps
    (one,) = step.comparisons
    assert leak.per_seed == pytest.approx(one.per_seed)
    assert (leak.worth, leak.low, leak.high, leak.p_value) == pytest.approx(
        (one.difference, one.low, one.high, one.p_value)
    )
    assert (leak.n_leaky, leak.n_groups, leak.grouped_by) == (step.n_samples, step.n_groups, "people")
    assert leak.shown
    assert found.summary == "leaks: 6 of 6 results are there; 1 of 1 leaks change the score."


def test_each_side_on_its_own_samples_against_a_plain_jackknife(folder: StudyFolder) -> None:
    """The leaky side has two people and a frame of each fewer; both sides lose a person together."""
    plan = Plan.model_validate(leaky_values(samples="own", seeds=[0]))
    sides = {"both": counts_of(1, 12.0)[:4, :2], "scratch": counts_of(2, 6.0)}
    _, found = written(plan, folder, lambda method, seed: sides[method])
    (leak,) = found.leaks
    percent = {name: 100 * counts / JOINTS for name, counts in sides.items()}
    assert leak.worth == pytest.approx(percent["both"].mean() - percent["scratch"].mean())
    assert (leak.n_leaky, leak.n_honest, leak.n_groups) == (8, 18, 6)
    without = []
    for person in range(6):
        means = [np.delete(one, person, axis=0).mean() if person < len(one) else one.mean() for one in percent.values()]
        without.append(means[0] - means[1])
    jackknife = math.sqrt(5 / 6 * float(np.sum((np.array(without) - np.mean(without)) ** 2)))
    assert leak.error.groups >= jackknife * (1 - 1e-9)
    assert leak.error.groups < 2 * jackknife


def test_common_samples_alone_are_compared(folder: StudyFolder) -> None:
    plan = Plan.model_validate(leaky_values(seeds=[0]))
    sides = {"both": counts_of(1, 12.0), "scratch": counts_of(2, 6.0)[:4, :2]}
    assert set(ids_of(sides["scratch"])) < set(ids_of(sides["both"]))
    _, found = written(plan, folder, lambda method, seed: sides[method])
    (leak,) = found.leaks
    assert (leak.n_leaky, leak.n_honest, leak.n_groups) == (8, 8, 4)
    assert leak.leaky == pytest.approx(100 * sides["both"][:4, :2].mean() / JOINTS)


def test_what_is_missing_and_the_page(folder: StudyFolder) -> None:
    plan = Plan.model_validate(leaky_values())
    cells, found = written(plan, folder, lambda method, seed: COUNTS[method, seed] if seed == 1 else None)
    (leak,) = found.leaks
    assert leak.seeds == (1,)
    assert set(found.missing) == {f"finetune-pose-1-{name}-{seed}" for name in ("both", "scratch") for seed in (0, 2)}
    files = write_leaks_report(found, folder)
    page = files.table.read_text()
    assert "True \\| boxes" in page
    assert f"{leak.worth:+.2f}" in page
    assert "finetune-pose-1-both-0" in page
    assert files.picture is not None
    assert files.picture.stat().st_size > 1000
    nothing = leak_findings(plan, cells, StudyFolder(folder.root.with_name("empty")))
    assert nothing.leaks == ()
    empty = write_leaks_report(replace(nothing), folder)
    assert empty.picture is None
    assert not (folder.report / "leaks.png").exists()
    assert "No leak has results" in empty.table.read_text()


def test_sides_that_score_alike_differ_by_nothing(folder: StudyFolder) -> None:
    plan = Plan.model_validate(leaky_values())
    _, found = written(plan, folder, lambda method, seed: COUNTS["both", seed])
    (leak,) = found.leaks
    assert (leak.worth, leak.low, leak.high, leak.p_value, leak.adjusted) == (0, 0, 0, 1, 1)
    assert not leak.shown
    assert "| +0.00 | +0.00 to +0.00 |" in write_leaks_report(found, folder).table.read_text()


@pytest.mark.parametrize(("people", "groups", "grouped_by"), [(6, 6, "people"), (1, 3, "samples")])
def test_a_side_with_one_person_is_drawn_as_the_other_side_is(
    folder: StudyFolder, people: int, groups: int, grouped_by: str
) -> None:
    """One person alone has no groups, so that its samples are drawn; beside other people, it is one of them."""
    plan = Plan.model_validate(leaky_values(samples="own", seeds=[0]))
    sides = {"both": counts_of(1, 12.0)[:1], "scratch": counts_of(2, 6.0)[:people]}
    _, found = written(plan, folder, lambda method, seed: sides[method])
    (leak,) = found.leaks
    assert (leak.n_leaky, leak.n_groups, leak.grouped_by) == (3, groups, grouped_by)
    # Without its only person, a side has no score, and the error is not known.
    assert math.isnan(leak.error.groups) == math.isnan(leak.low) == (people > 1)
    assert people == 1 or leak.p_value == 1
    assert write_leaks_report(found, folder).picture is not None


def test_rules_that_the_evidence_does_not_know(folder: StudyFolder) -> None:
    plan = Plan.model_validate(leaky_values(leaky=LEAK["leaky"] | {"rules": {"absent": "zero"}}))
    with pytest.raises(UsageError, match="its evidence knows no rule 'absent'"):
        written(plan, folder, lambda method, seed: COUNTS[method, seed])


@pytest.mark.parametrize(
    ("leak", "told"),
    [
        ({"honest": LEAK["leaky"]}, "leaky and honest are the same"),
        ({"honest": {"task": "parsing", "ratio": 0.1}}, "different tasks"),
        ({"honest": {"task": "pose", "ratio": 0.1}}, "honest has ratio = 0.1, which is none of the task pose"),
        ({"honest": {"task": "poses"}}, "leak.boxes.honest.task names 'poses'.*did you mean pose"),
        ({"leaky": {"task": "pose", "method": "bth"}}, "leak.boxes.leaky.method names 'bth'.*did you mean both"),
        ({"samples": "all"}, "leak.boxes.samples"),
        ({"seeds": [0, 1, 0]}, "seeds names 0 twice"),
        ({"leaky": {"task": "pose", "method": "color"}}, "leaky: the method color does not fit the task pose"),
        (
            {"leaky": {"task": "parsing"}, "honest": {"task": "parsing", "ratio": 0.1}},
            "leak.boxes.leaky names no ratio; give one of 1, 0.1",
        ),
    ],
)
def test_leaks_that_contradict_themselves(leak: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        PlanFile("x", "x.toml", leaky_values(**leak), {}).at(None)
