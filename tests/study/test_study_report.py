"""Reports: figures against a computation by hand, incomplete claims, pages, pictures, rows of a leaderboard."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from study_plans import plan_values
from study_results import JOINTS, Counts, write_cells

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.leaderboard.collect import open_leaderboard
from hcmoco_bench.leaderboard.verification import verify_leaderboards
from hcmoco_bench.plotting.method_scores import ScorePanel, method_scores_figure
from hcmoco_bench.plotting.seed_scores import SeedScores
from hcmoco_bench.results.schema import read_result
from hcmoco_bench.study.board import add_rows, write_pooled
from hcmoco_bench.study.cells import Cells, cells_of
from hcmoco_bench.study.findings import ClaimFindings, claim_findings
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.plan import Plan
from hcmoco_bench.study.report import claim_figure, write_report

PEOPLE, FRAMES = 6, 3


def the_plan(**claim: Any) -> Plan:
    """One task of depth with two methods and one without pre-training."""
    values = plan_values()
    values["pretraining"]["other"] = values["pretraining"]["both"] | {"method": "Other | one"}
    values["claim"] = {
        "pose": {
            "title": "Poses",
            "question": "Which is best?",
            "tasks": ["pose"],
            "methods": ["scratch", "other", "both"],
            "seeds": [0, 1, 2],
            "comparisons": [["both", "scratch"], ["other", "scratch"], ["both", "other"]],
        }
        | claim
    }
    return Plan.model_validate(values)


def counts_of(seed: int, level: float) -> Counts:
    """Right joints of each frame: people of different difficulty, about `level` of 15."""
    rng = np.random.default_rng(seed)
    return np.clip(np.rint(level + rng.normal(0, 1.5, (PEOPLE, FRAMES))), 0, JOINTS).astype(np.int64)


LEVELS = {"scratch": 6.0, "other": 6.0, "both": 12.0}
COUNTS = {
    (method, seed): counts_of(10 * number + seed, level)
    for number, (method, level) in enumerate(LEVELS.items())
    for seed in range(3)
}


def found_of(folder: StudyFolder, plan: Plan, counts: dict[tuple[str, int], Counts]) -> tuple[ClaimFindings, Cells]:
    cells = cells_of(plan)
    write_cells(folder, cells, "pose", counts)
    folder.keep_plan("tests", None, plan)
    return claim_findings(plan, "pose", cells, folder), cells


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


def test_the_figures_by_hand(folder: StudyFolder) -> None:
    found, _ = found_of(folder, the_plan(), COUNTS)
    (step,) = found.steps
    assert (step.n_samples, step.n_groups, step.grouped_by) == (PEOPLE * FRAMES, PEOPLE, "people")
    assert "(generated)" in step.data
    percent = {key: 100 * counts / JOINTS for key, counts in COUNTS.items()}
    for one in step.methods:
        own = [percent[one.method, seed].mean() for seed in range(3)]
        assert one.per_seed == pytest.approx(own)
        assert one.mean == pytest.approx(np.mean(own))
        assert one.std == pytest.approx(np.std(own, ddof=1))
        assert one.low < one.mean < one.high
    p_values = []
    for one in step.comparisons:
        per_group = np.array([(percent[one.first, s] - percent[one.second, s]).mean(axis=1) for s in range(3)])
        assert one.per_seed == pytest.approx(per_group.mean(axis=1))
        assert one.difference == pytest.approx(per_group.mean())
        # All people have as many frames, so that the jackknife is the standard error of a mean.
        jackknife = per_group.mean(axis=0).std(ddof=1) / math.sqrt(PEOPLE)
        assert jackknife * (1 - 1e-9) <= one.error.groups <= 1.1 * jackknife
        assert one.error.seeds == pytest.approx(per_group.mean(axis=1).std(ddof=1) / math.sqrt(3))
        assert one.error.error == pytest.approx(math.hypot(one.error.groups, one.error.seeds))
        t = stats.t(one.error.degrees)
        assert 2 * one.p_value == pytest.approx(4 * t.sf(abs(one.difference) / one.error.error))
        assert (one.low, one.high) == pytest.approx(
            tuple(one.difference + sign * t.ppf(0.975) * one.error.error for sign in (-1, 1))
        )
        p_values.append(one.p_value)
    order = np.argsort(p_values)
    adjusted, most = [0.0] * 3, 0.0
    for rank, place in enumerate(order):
        most = max(most, min(1.0, (3 - rank) * p_values[place]))
        adjusted[place] = most
    assert [one.adjusted for one in step.comparisons] == pytest.approx(adjusted)
    assert [one.better for one in step.comparisons] == ["both", None, "both"]
    assert found.summary == "pose: 9 of 9 results are there; 2 of 3 differences are shown."


def test_an_interval_ends_where_scores_end(folder: StudyFolder) -> None:
    """Two people, all of one right: half an interval would be some hundred points long."""
    two = {("both", 0): np.array([[JOINTS] * FRAMES, [JOINTS // 2] * FRAMES])}
    (step,) = found_of(folder, the_plan(seeds=[0]), two)[0].steps
    (one,) = step.methods
    assert (one.low, one.high) == (0.0, 100.0)
    assert one.mean == pytest.approx(100 * (1 + 7 / 15) / 2)


def test_missing_results_change_no_verdict_of_the_others(folder: StudyFolder) -> None:
    whole, _ = found_of(folder, the_plan(), COUNTS)
    part = {key: counts for key, counts in COUNTS.items() if key not in {("other", 0), ("other", 1), ("other", 2)}}
    fewer, _ = found_of(StudyFolder(folder.root.parent / "fewer"), the_plan(), part)
    assert fewer.missing == tuple(f"finetune-pose-1-other-{seed}" for seed in range(3))
    (one,) = fewer.comparisons
    assert one.p_value == whole.comparisons[0].p_value
    assert one.adjusted == pytest.approx(3 * one.p_value), "comparisons without results count"
    assert fewer.n_comparisons == 3


def test_seeds_that_both_methods_have(folder: StudyFolder) -> None:
    part = {key: counts for key, counts in COUNTS.items() if key not in {("both", 1), ("scratch", 2)}}
    found, _ = found_of(folder, the_plan(), part)
    first = found.comparisons[0]
    assert (first.first, first.second, first.seeds) == ("both", "scratch", (0,))
    assert first.error.seeds == 0.0
    assert first.error.error == first.error.groups
    page = write_report(found, folder).table.read_text()
    assert "A difference of one seed has the error of the groups alone" in page
    assert "| not known |" in page


def test_the_page_and_the_picture(folder: StudyFolder) -> None:
    stated = {"task": "pose", "first": "scratch", "second": "both", "difference": -3.5, "source": "A paper, Table 1"}
    found, _ = found_of(folder, the_plan(published=[stated]), {k: v for k, v in COUNTS.items() if k != ("other", 1)})
    files = write_report(found, folder)
    page = files.table.read_text()
    assert "| Other \\| one | " in page
    assert "+3.5 (A paper, Table 1)" in page, "in the direction of the comparison"
    assert "- `finetune-pose-1-other-1`" in page
    assert "8 of 9 results are there" in page
    lines = [line for line in page.splitlines() if line.startswith("| pose")]
    assert len(lines) == 6
    tables = page.split("## Differences")
    for table in tables:
        widths = {line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")}
        assert len(widths) == 1
    assert files.picture is not None
    assert min(Image.open(files.picture).size) > 100


def test_methods_that_differ_in_an_amount_are_points_of_a_curve(folder: StudyFolder) -> None:
    values = the_plan().model_dump()
    values["claim"]["pose"]["curves"] = {"amounts": "epochs of pre-training", "of": {"Any": {"other": 4, "both": 12}}}
    found, _ = found_of(folder, Plan.model_validate(values), COUNTS)
    assert found.to_dict()["curves"] == values["claim"]["pose"]["curves"]
    (axis,) = claim_figure(found).axes
    lines = {line.get_label(): line for line in axis.get_lines() if not line.get_label().startswith("_")}
    assert axis.get_xlabel() == "epochs of pre-training"
    assert [label.get_text() for label in axis.get_xticklabels()] == ["4", "12"]
    means = {one.method: one.mean for one in found.steps[0].methods}
    assert list(lines["Any"].get_ydata()) == [means["other"], means["both"]]
    assert set(lines["without pre-training"].get_ydata()) == {means["scratch"]}
    assert set(lines) == {"Any", "without pre-training"}


@pytest.mark.parametrize(
    ("steps", "heading", "cells"), [({}, "labels", "100 %"), ({"epochs": [4]}, "epochs", "4 epochs")]
)
def test_readers_see_titles_and_what_the_steps_are(
    folder: StudyFolder, steps: dict[str, Any], heading: str, cells: str
) -> None:
    values = the_plan().model_dump()
    values["task"]["pose"] |= {"title": "3-D pose"} | steps
    found, _ = found_of(folder, Plan.model_validate(values), COUNTS)
    lines = write_report(found, folder).table.read_text().splitlines()
    assert [line.split(" | ")[:2] for line in lines if line.startswith("| task")] == 2 * [["| task", heading]]
    rows = [line.split(" | ")[:2] for line in lines if line.startswith("| 3-D pose (")]
    assert len(rows) == 6
    assert {row[1] for row in rows} == {cells}
    assert sum(line.startswith("- 3-D pose, ") for line in lines) == 1


def test_a_claim_without_results(folder: StudyFolder) -> None:
    found, _ = found_of(folder, the_plan(), {})
    files = write_report(found, folder)
    assert files.picture is None
    page = files.table.read_text()
    assert "0 of 9 results are there" in page
    assert "No two methods to compare have results yet." in page
    assert page.count("- `finetune") == 9


def test_the_same_evidence_shows_no_difference(folder: StudyFolder) -> None:
    same = {(method, seed): COUNTS["both", seed] for method in LEVELS for seed in range(3)}
    plan = the_plan()
    found, cells = found_of(folder, plan, same)
    assert {(one.difference, one.p_value, one.better) for one in found.comparisons} == {(0.0, 1.0, None)}
    added = add_rows(plan, cells, folder, folder.root / "board", by="Somebody")
    assert len(added.rows) + len(added.refused) == 3
    assert all("same evidence" in told for told in added.refused), "the others are not held up"


def test_rows_of_a_leaderboard(folder: StudyFolder, tmp_path: Path) -> None:
    plan = the_plan()
    _, cells = found_of(folder, plan, {key: counts for key, counts in COUNTS.items() if key != ("other", 1)})
    board = tmp_path / "board"
    added = add_rows(plan, cells, folder, board, by="Somebody")
    rows = added.rows
    assert (len(rows), added.refused) == (2, ()), "a method with a missing seed is no row"
    assert add_rows(plan, cells, folder, board, by="Somebody") == added, "a second time nothing is added"
    assert all(one.ok for one in verify_leaderboards([board]))
    opened = open_leaderboard([board])
    shown = {row.id: row for one in opened.boards for row in one.rows}
    assert set(shown) == set(rows)
    row = next(row for row in shown.values() if row.name == "both")
    assert row.seeds == 3
    assert row.score == pytest.approx(100 * np.mean([COUNTS["both", seed].mean() for seed in range(3)]) / JOINTS)
    assert row.result is not None
    assert row.result.run.seeds == (0, 1, 2)
    assert row.result.run.command == " && ".join(f"finetune finetune-pose-1-both-{seed}" for seed in range(3))
    assert any("generated" in note for note in row.notes)


def cell_named(seed: int) -> str:
    return f"finetune-pose-1-both-{seed}"


def test_seeds_whose_data_were_made_on_two_machines(folder: StudyFolder, tmp_path: Path) -> None:
    """Their samples and labels are the same; other data are refused."""
    plan = the_plan(methods=["both"], comparisons=[])
    _, cells = found_of(folder, plan, COUNTS)
    paths = [folder.record(cell_named(seed)) / "result.json" for seed in range(3)]
    for path, digit in zip(paths, "aab", strict=True):
        path.write_text(path.read_text().replace('"manifest_sha256": null', f'"manifest_sha256": "{digit * 64}"'))
    pooled = read_result(write_pooled({seed: cell_named(seed) for seed in (0, 1)}, folder, tmp_path / "two"))
    assert pooled.data.manifest_sha256 == "a" * 64
    assert not any("bytes differ" in note for note in pooled.status.notes)
    (row,) = add_rows(plan, cells, folder, tmp_path / "board", by="Somebody").rows
    found = read_result(next((tmp_path / "board").rglob(f"{row}/result.json")))
    assert found.data.manifest_sha256 is None
    assert any("bytes differ" in note for note in found.status.notes)
    paths[2].write_text(paths[2].read_text().replace('"n_expected": 18', '"n_expected": 19'))
    with pytest.raises(DataError, match="another way"):
        write_pooled({seed: cell_named(seed) for seed in range(3)}, folder, tmp_path / "three")


def test_generated_rows_do_not_go_beside_real_ones(folder: StudyFolder, tmp_path: Path) -> None:
    plan = the_plan(methods=["both", "scratch"], seeds=[0], comparisons=[])
    _, cells = found_of(folder, plan, COUNTS)
    board = tmp_path / "board"
    first, _ = add_rows(plan, cells, folder, board, by="Somebody").rows
    for path in board.rglob("result.json"):
        path.write_text(path.read_text().replace("ITOP (generated)", "ITOP"))
    other = StudyFolder(tmp_path / "other")
    _, cells = found_of(other, plan, {key: np.minimum(counts + 1, JOINTS) for key, counts in COUNTS.items()})
    with pytest.raises(UsageError, match=f"holds results on real data .{first}., .* give another --board"):
        add_rows(plan, cells, other, board, by="Somebody")


def test_a_figure_by_its_parts() -> None:
    bars = (("a", SeedScores(1.0, 0.5, 1.5, (0.9, 1.1))), ("b", SeedScores(2.0, math.nan, math.nan, (2.0,))))
    panels = [ScorePanel("one", "score", bars), ScorePanel("two", "score", bars[1:])]
    figure = method_scores_figure(panels, columns=3)
    first, second = figure.axes
    assert [text.get_text() for text in first.get_yticklabels()] == ["a", "b"]
    assert first.get_ylim()[0] > first.get_ylim()[1], "the first method is at the top"
    colors = [{line.get_color() for line in axis.lines if line.get_xdata()[0] == 2.0} for axis in (first, second)]
    assert colors[0] == colors[1] == {"C1"}
    assert len(second.lines) == 2, "no interval where none is known"
    with pytest.raises(ValueError, match="no panel"):
        method_scores_figure([])
