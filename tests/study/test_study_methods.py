"""Methods that take options of their own, epochs as steps, and claims of other plans."""

from __future__ import annotations

from typing import Any

import pytest
from study_plans import plan_values, small_plan

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.study.cells import cells_of
from hcmoco_bench.study.plan_tables import TaskStep
from hcmoco_bench.study.read_plan import PlanFile, read_plan

METHODS = {
    "beside": {"label": "Beside", "pretraining": "both", "options": "--set contrastive=cmc --epochs 7"},
    "alone": {"label": "Alone", "options": "--lr 2"},
}


def claim_of(**changes: Any) -> dict[str, Any]:
    claim = {"title": "T", "question": "Q?", "tasks": ["parsing"], "methods": ["beside", "alone"], "seeds": [0]}
    return {"new": claim | changes}


def test_a_method_puts_its_options_over_those_of_the_task_and_starts_from_a_pretraining() -> None:
    cells = cells_of(small_plan(method=METHODS, claim=claim_of())).by_name
    beside = cells["finetune-parsing-0.1-beside-0"]
    assert beside.needs == ("data-people", "pretrain-both-0")
    (line,) = beside.lines({"data-people": "p", "pretrain-both-0": "c.pth"}, "o")
    assert line[line.index("--epochs") + 1] == "7"
    assert line[line.index("--set") + 1] == "contrastive=cmc"
    assert line[line.index("--ckpt") + 1] == "c.pth"
    assert line[line.index("--name") + 1] == "Beside"
    (line,) = cells["finetune-parsing-1-alone-0"].lines({"data-people": "p"}, "o")
    assert line[line.index("--init") + 1] == "scratch"
    assert line[line.index("--lr") + 1] == "2"


def test_epochs_are_steps_of_their_own() -> None:
    values = plan_values()
    values["task"]["parsing"] |= {"ratios": [], "options_at": {}, "epochs": [2, 5], "options": "--store {data}"}
    plan = small_plan(**(values | {"claim": claim_of(methods=["scratch"])}))
    cells = cells_of(plan)
    assert [one.step for one in cells.scores["new"]] == [TaskStep(epochs=2), TaskStep(epochs=5)]
    (line,) = cells.by_name["finetune-parsing-5-epochs-scratch-0"].lines({"data-people": "p"}, "o")
    assert line[line.index("--epochs") + 1] == "5"
    assert "--ratio" not in line
    assert (TaskStep(epochs=5).what, TaskStep(0.1).what, TaskStep().what) == (
        "5 epochs",
        "10 % of the labels",
        "100 % of the labels",
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"method": {"both": {"label": "x"}}}, "pretraining.both: there is also a method.both"),
        ({"method": {"scratch": {"label": "x"}}}, "method.scratch: this name stands for models without"),
        ({"method": {"new": {"label": "x", "pretraining": "bth"}}}, "method.new.pretraining names 'bth'"),
        ({"method": {"new": {"label": "x", "options": "--seed 3"}}}, "name --seed"),
        ({"method": {"new": {"label": "x", "options": "--ckpt {there}"}}}, r"\{there\}, which stands for nothing"),
        ({"claim": {"leaks": claim_of()["new"] | {"methods": ["scratch"]}}}, "claim.leaks: this name stands for all"),
    ],
)
def test_methods_that_contradict_the_plan(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(DataError, match=told):
        PlanFile("x", "x.toml", plan_values() | changes, {}).at(None)


def test_epochs_beside_ratios_are_refused() -> None:
    values = plan_values()
    values["task"]["parsing"]["epochs"] = [1]
    with pytest.raises(DataError, match="there are ratios and epochs"):
        PlanFile("x", "x.toml", values, {}).at(None)
    values["task"]["parsing"] |= {"ratios": [], "options_at": {}}
    with pytest.raises(DataError, match="the options name --epochs"):
        PlanFile("x", "x.toml", values, {}).at(None)


def test_options_of_a_method_or_a_share_cannot_undo_the_steps() -> None:
    values = plan_values()
    values["method"] = {"new": {"label": "x", "options": "--ratio 0.5"}}
    with pytest.raises(DataError, match=r"claim.new: the options of the method new name --ratio.*parsing has ratios"):
        PlanFile("x", "x.toml", values | {"claim": claim_of(methods=["new"])}, {}).at(None)
    values = plan_values()
    values["task"]["parsing"]["options_at"] = {"0.1": "--ratio 0.5"}
    with pytest.raises(DataError, match=r"options_at of 0\.1 names --ratio"):
        PlanFile("x", "x.toml", values, {}).at(None)
    values = plan_values()
    values["task"]["parsing"]["scratch"] = "--init scratch --ratio 0.5"
    with pytest.raises(DataError, match="the options name --ratio, and there are ratios"):
        PlanFile("x", "x.toml", values, {}).at(None)


def test_two_cells_of_one_name_are_refused() -> None:
    values = plan_values()
    pose = values["task"]["pose"]
    values["task"] |= {"a": pose, "a-1": pose}
    values["method"] = {name: {"label": name, "options": f"--lr {n}"} for n, name in enumerate(("1-m", "m"), start=1)}
    plan = small_plan(**(values | {"claim": claim_of(tasks=["a", "a-1"], methods=["1-m", "m"])}))
    with pytest.raises(UsageError, match="two cells of the plan would have the name finetune-a-1-1-m-0"):
        cells_of(plan)


def test_a_claim_of_another_plan_brings_the_same_cells() -> None:
    """Cells have the names and fingerprints that they have there, so that records serve both."""
    values = plan_values()
    plan = PlanFile("x", "x.toml", values, {"smoke": {}}, {"liftedcl": {"ablation": "lifted"}}).at("smoke")
    there = cells_of(read_plan("liftedcl").at("smoke"), ["ablation"]).by_name
    here = cells_of(plan, ["lifted"]).by_name
    assert {name: cell.fingerprint for name, cell in here.items()} == {
        name: cell.fingerprint for name, cell in there.items()
    }
    assert "across" not in plan.claim
    assert "densepose" not in plan.data


def test_what_cannot_be_included() -> None:
    values = plan_values()
    for include, error, told in (
        ({"liftedcl": {"ablatio": "lifted"}}, DataError, "names 'ablatio'; did you mean ablation"),
        ({"liftdcl": {"ablation": "lifted"}}, UsageError, "did you mean liftedcl"),
        ({"liftedcl": {"ablation": "help"}}, DataError, "claim.help is also in the plan liftedcl"),
        ({"liftedcl": {"ablation": "new", "across": "new"}}, DataError, "include.liftedcl gives two claims one name"),
        ({"claims": {"terms": "new"}}, DataError, "include.claims: this plan includes others itself"),
    ):
        with pytest.raises(error, match=told):
            PlanFile("x", "x.toml", values, {"smoke": {}}, include).at("smoke")


def test_models_that_are_trained_once_and_scored_twice() -> None:
    values = plan_values()
    values["task"]["again"] = {
        "task": "rgb_parsing",
        "data": "people",
        "options": "--store {data}/store --set only=rgb",
        "models_of": "parsing",
    }
    cells = cells_of(small_plan(**(values | {"claim": claim_of(tasks=["again"], methods=["scratch", "both"])})))
    names = [one.cell for one in cells.scores["new"]]
    assert names == [f"eval-again-{ratio}-{method}-0" for ratio in ("1", "0.1") for method in ("scratch", "both")]
    cell = cells.by_name["eval-again-0.1-both-0"]
    assert cell.needs == ("data-people", "finetune-parsing-0.1-both-0")
    (line,) = cell.lines({"data-people": "p", "finetune-parsing-0.1-both-0": "f/out"}, "o")
    assert line == [
        *("eval", "--task", "rgb_parsing", "--store", "p/store", "--set", "only=rgb"),
        *("--ckpt", "f/out/seed-0/model.pth", "--name", "Both", "--out", "o/result.json"),
    ]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"models_of": "parsin"}, "task.pose.models_of names 'parsin'.*did you mean parsing"),
        ({"models_of": "pose"}, "task.pose scores the models of pose, which trains none itself"),
        ({"models_of": "parsing", "ratios": [0.1]}, "models_of scores the models of another task"),
    ],
)
def test_models_that_nobody_trains(changes: dict[str, Any], told: str) -> None:
    values = plan_values()
    values["task"]["pose"] |= changes
    with pytest.raises(DataError, match=told):
        PlanFile("x", "x.toml", values, {}).at(None)


def test_a_claim_that_takes_some_shares_of_a_task_shares_its_cells() -> None:
    values = plan_values()
    claims = values["claim"] | claim_of(methods=["scratch", "color"], ratios={"parsing": [0.1]})
    plan = small_plan(**(values | {"claim": claims}))
    cells = cells_of(plan)
    assert {one.step for one in cells.scores["new"]} == {TaskStep(0.1)}
    assert {one.cell for one in cells.scores["new"]} < {one.cell for one in cells.scores["help"]}
    for ratios, told in (
        ({"parsing": [0.2]}, "claim.new.ratios has 0.2, which is none of the task parsing"),
        ({"pose": [1.0]}, "claim.new.ratios names the task 'pose'"),
    ):
        with pytest.raises(DataError, match=told):
            PlanFile("x", "x.toml", values | {"claim": claim_of(methods=["scratch"], ratios=ratios)}, {}).at(None)
