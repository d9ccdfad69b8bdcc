"""Cells that score the models of another task: made after them, continued, and made again when a model is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from study_plans import TOOL, plan_values, small_plan, started

from hcmoco_bench.errors import DataError
from hcmoco_bench.results.schema import read_result
from hcmoco_bench.study.cells import Cells, cells_of
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.study.read_plan import PlanFile
from hcmoco_bench.study.run import StudyRun, run_study
from hcmoco_bench.study.status import study_status

TRAINED, SCORED = "finetune-pose-1-both-0", "eval-again-1-both-0"


def values_of(**again: Any) -> dict[str, Any]:
    """One pre-training, one fine-tuning, and a task that scores its model."""
    values = plan_values()
    values["task"]["again"] = {"task": "itop_pose", "data": "rooms", "options": "--root {data}", "models_of": "pose"}
    values["task"]["again"] |= again
    values["claim"] = {"new": {"title": "T", "question": "Q?", "tasks": ["again"], "methods": ["both"], "seeds": [0]}}
    return values


@pytest.fixture
def cells() -> Cells:
    return cells_of(small_plan(**values_of()))


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    return StudyFolder(tmp_path / "study")


def run(cells: Cells, folder: StudyFolder) -> StudyRun:
    return run_study(cells, folder, tool=TOOL)


def test_a_model_is_scored_after_its_training(cells: Cells, folder: StudyFolder) -> None:
    done = run(cells, folder)
    assert (list(done.made)[-2:], done.failed, done.left) == ([TRAINED, SCORED], {}, 0)
    one, other = (read_result(folder.record(name) / "result.json") for name in (TRAINED, SCORED))
    assert one.scores == other.scores
    assert {one.kind for one in study_status(cells, folder)} == {"data", "pretrain", "finetune", "eval"}


@pytest.mark.parametrize("left", ["nothing", "evidence", "result"])
def test_a_scoring_that_was_interrupted_is_made_again(cells: Cells, folder: StudyFolder, left: str) -> None:
    run_study(cells, folder, tool=TOOL, at_most=len(cells.by_name) - 1)
    stop = folder.root / (f"fail-{SCORED}" if left != "evidence" else "kill-between-evidence-and-result")
    stop.touch()
    assert list(run(cells, folder).failed) == [SCORED]
    assert (folder.out(SCORED) / "result-evidence-0.npz").exists() == (left == "evidence")
    stop.unlink()
    if left == "result":  # written whole; only the record is missing
        run(cells, folder)
        (folder.record(SCORED) / "cell.json").unlink()
    before = len(started(folder))
    done = run(cells, folder)
    assert (list(done.made), done.left) == ([SCORED], 0)
    assert started(folder)[before:] == ([] if left == "result" else [SCORED])


def test_a_model_that_was_removed_is_made_again_by_continuing_its_training(cells: Cells, folder: StudyFolder) -> None:
    run(cells, folder)
    scores = read_result(folder.record(SCORED) / "result.json").scores
    (folder.record(SCORED) / "cell.json").unlink()
    (folder.out(SCORED) / "result.json").unlink()
    (folder.out(TRAINED) / "seed-0" / "model.pth").unlink()
    before = len(started(folder))
    done = run(cells, folder)
    assert (list(done.made), done.left, done.notes) == ([TRAINED, SCORED], 0, ())
    assert started(folder)[before:] == [TRAINED, SCORED]
    assert "--resume" in (folder.root / "journal.jsonl").read_text().splitlines()[-2]
    assert read_result(folder.record(SCORED) / "result.json").scores == scores


def test_methods_fit_the_training_of_the_models_too() -> None:
    values = values_of(modality="")
    values["claim"]["new"]["methods"] = ["color", "both"]
    plan = small_plan(**values)
    assert plan.methods_on(plan.claim["new"], "again") == ("both",)


@pytest.mark.parametrize(
    ("again", "told"),
    [
        ({"scratch": "--init imagenet"}, "trained already; leave scratch out"),
        ({"encoder": "--init {checkpoint}"}, "trained already; leave encoder out"),
        ({"options": "--root {data} --ckpt a.pth"}, "the options name --ckpt, and models_of says"),
    ],
)
def test_what_a_scoring_does_not_take(again: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        PlanFile("x", "x.toml", values_of(**again), {}).at(None)
