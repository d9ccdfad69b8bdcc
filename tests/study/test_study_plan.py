"""Plans: what they declare, and what is wrong with one that contradicts itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from study_plans import plan_values, small_plan
from typer.main import get_command

from hcmoco_bench.cli.app import app
from hcmoco_bench.cli.settings_options import given_settings
from hcmoco_bench.errors import DataError, HcmocoBenchError, UsageError
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.runtime.settings import Settings
from hcmoco_bench.study.cells import cells_of
from hcmoco_bench.study.options import filled, option_names, option_value, put_over, split_line
from hcmoco_bench.study.plan import merged
from hcmoco_bench.study.read_plan import PlanFile, plan_names, read_plan
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings

STUDIES: Final = Path(__file__).parents[2] / "studies"


def test_options_replace_those_of_the_same_name() -> None:
    text = "--epochs 5 5 --channels-last --set a=1 --set b=[1,2] --lr 1e-3"
    assert put_over(text, "--epochs 3") == "--epochs 3 --channels-last --set a=1 --set 'b=[1,2]' --lr 1e-3"
    assert put_over(text, "--set a=-2 --ratio 0.1").split()[-2:] == ["--ratio", "0.1"]
    assert "a=-2" in put_over(text, "--set a=-2")
    assert "a=1" not in put_over(text, "--set a=-2")
    assert put_over("--channels-last", "--no-channels-last") == "--no-channels-last"
    assert put_over("--channels-last --no-channels-last", "") == "--no-channels-last"
    assert put_over("--store a --lr 1 --store b", "--lr 2") == "--store a --store b --lr 2"
    assert put_over("--store a --store b", "--store c") == "--store c"
    assert put_over("--set a=1 --set a=2", "") == "--set a=2"
    assert option_value("--config a --lr 1 --config=b", "config") == "b"
    assert put_over("--init scratch", "--ckpt x") == "--init scratch --ckpt x"


def test_braces_are_filled_within_words() -> None:
    assert filled("--store {data}/store --set x={y} 'a b'", {"data": "/p q"}) == [
        *("--store", "/p q/store", "--set", "x={y}", "a b")
    ]


def test_names_of_options() -> None:
    assert option_names("--out=x -o y --set seed=3 --lr -0.5") == {"out", "o", "set", "seed", "lr"}


def test_methods_whose_encoders_fit() -> None:
    plan = small_plan()
    claim = plan.claim["help"]
    assert plan.methods_on(claim, "parsing") == ("scratch", "both", "color")
    assert plan.methods_on(claim, "pose") == ("scratch", "both")


def test_tables_are_merged_and_lists_replaced() -> None:
    assert merged({"a": {"b": 1, "c": [1, 2]}}, {"a": {"c": [3]}, "d": 4}) == {"a": {"b": 1, "c": [3]}, "d": 4}


def changed(*path: str, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(values: dict[str, Any]) -> None:
        for name in path[:-1]:
            values = values[name]
        values[path[-1]] = to

    return change


def curves(other: dict[str, float] | None = None, **amounts: float) -> dict[str, Any]:
    return {"amounts": "epochs", "of": {"A": amounts} | ({"B": other} if other else {})}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (changed("task", "pose", "data", to="roms"), "task.pose.data names 'roms'.*did you mean rooms"),
        (changed("pretraining", "both", "data", to=[]), "names no data set"),
        (changed("claim", "help", "methods", to=["scratch", "bth"]), "comparisons names both, which is no method"),
        (changed("claim", "depth", "methods", to=["bth"]), "claim.depth.methods names 'bth'.*did you mean both"),
        (changed("claim", "depth", "tasks", to=["poses"]), "claim.depth.tasks names 'poses'.*did you mean pose"),
        (changed("claim", "depth", "methods", to=["color"]), "no method fits the task pose"),
        (changed("claim", "depth", "methods", to=["both", "both"]), "methods names both twice"),
        (changed("claim", "depth", "seeds", to=[0, 0]), "seeds names 0 twice"),
        (changed("claim", "help", "comparisons", to=[["both", "both"]]), "compares both with itself"),
        (
            changed("claim", "help", "comparisons", to=[["both", "color"], ["color", "both"]]),
            "compares color and both twice",
        ),
        (changed("task", "pose", "encoder", to="--init scratch"), r"does not hold \{checkpoint\}"),
        (changed("task", "pose", "options", to="--root {data} --out x"), "name --out, which the study gives itself"),
        (changed("task", "pose", "options", to="--root {data} --seeds 3"), "name --seeds"),
        (changed("task", "pose", "scratch", to="--set seed=3"), "name --seed"),
        (changed("pretraining", "both", "options", to="--seed=4"), "name --seed"),
        (changed("pretraining", "both", "options", to="--store {rooms}"), r"holds \{rooms\}.*there are \{data\}"),
        (changed("pretraining", "both", "options", to="--store 'x"), "cannot be split into words"),
        (changed("pretraining", "scratch", to={"method": "x", "data": "people", "options": ""}), "another"),
        (changed("task", "parsing", "ratios", to=[1.0, 1.0]), "names one twice"),
        (changed("task", "parsing", "options_at", to={"0.2": ""}), "'0.2', which is not among the ratios"),
        (changed("task", "parsing", "options", to="--store {data} --ratio 1"), "the options name --ratio"),
        (changed("task", "parsing", "option", to="x"), "task.parsing.option: there is no such entry"),
        (changed("data", "people", "commands", to=["synth ntu --out x"]), r"no command writes to \{out\}"),
        (changed("data", "people", "commands", to=["synth {outt}"]), r"\{outt\}, which stands for nothing"),
        (changed("data", "people", "commands", to=[]), "data.people.commands"),
        (changed("data", "people", "needs", to=["rooms", "people"]), "in a circle: people needs people"),
        (changed("data", "a/../b", to={"commands": ["x {out}"]}), "'a/../b' is no name"),
        (changed("data", "-x", to={"commands": ["x {out}"]}), "'-x' is no name"),
        (changed("claim", to={}), "claim"),
        (
            changed(
                "claim", "help", "published", to=[{"task": "pose", "first": "both", "second": "color", "difference": 1}]
            ),
            "source",
        ),
        (
            changed(
                *("claim", "help", "published"),
                to=[{"task": "parsing", "first": "both", "second": "scratch", "difference": 1, "source": "x"}],
            ),
            "ratio = None, which is none of the task parsing",
        ),
        (
            changed(
                *("claim", "help", "published"),
                to=[{"task": "pose", "first": "color", "second": "scratch", "difference": 1, "source": "x"}],
            ),
            "which comparisons does not",
        ),
        (changed("claim", "help", "curves", to=curves(both=1, color=1)), "curve A names 1.0 twice"),
        (changed("claim", "help", "curves", to=curves(both=1)), "claim.help.curves.of.A"),
        (changed("claim", "help", "curves", to=curves(both=1, color=0)), "claim.help.curves.of.A.color"),
        (changed("claim", "help", "curves", to=curves(both=1, colour=2)), "curves names colour, which is no method"),
        (
            changed(
                "claim",
                "help",
                "curves",
                to=curves(both=1, color=2, other={"both": 1, "scratch": 2}),
            ),
            "curves names both twice",
        ),
    ],
)
def test_a_plan_that_contradicts_itself(change: Callable[[dict[str, Any]], None], told: str) -> None:
    values = plan_values()
    change(values)
    with pytest.raises(DataError, match=told) as caught:
        PlanFile("x", "x.toml", values, {}).at(None)
    assert "correct the plan" in str(caught.value)


def with_options(**texts: str) -> dict[str, Any]:
    values = plan_values(options=texts)
    values["task"]["parsing"]["options"] = "--store {data}/store {options.short}"
    return values


def test_options_that_lines_share() -> None:
    values = with_options(short="--epochs {options.epochs} {options.rate}", rate="--lr 0.1", epochs="3")
    values["data"]["rooms"]["commands"] = ["synth itop --out {out} --clips {options.epochs}"]
    values["task"]["parsing"]["options_at"] = {"0.1": "--epochs 1{options.epochs}"}
    file = PlanFile("x", "x.toml", values, {"small": {"options": {"epochs": "7"}}, "as-is": {}})
    assert file.at("as-is").task["parsing"].options == "--store {data}/store --epochs 3 --lr 0.1"
    plan = file.at("small")
    assert plan.task["parsing"].options == "--store {data}/store --epochs 7 --lr 0.1"
    assert plan.task["parsing"].options_at == {"0.1": "--epochs 17"}
    assert plan.data["rooms"].commands == ("synth itop --out {out} --clips 7",)
    assert plan.claim == small_plan().claim


@pytest.mark.parametrize(
    ("texts", "told"),
    [
        ({"shart": "--lr 0.1"}, r"task.parsing.options holds \{options.short\}; did you mean shart"),
        ({}, r"task.parsing.options holds \{options.short\}; there are none"),
        ({"short": "{options.rat}", "rate": ""}, r"options.short holds \{options.rat\}; did you mean rate"),
        ({"short": "", "rate": "--lr 0.1"}, r"options.rate: no text holds \{options.rate\}; remove it"),
        ({"short": "{options.a}", "a": "{options.b}", "b": "{options.a}"}, "in a circle: a holds b holds a"),
        ({"short": "x {options.short}"}, "in a circle: short holds short"),
    ],
)
def test_options_that_cannot_be_filled_in(texts: dict[str, str], told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        PlanFile("x", "x.toml", with_options(**texts), {"small": {}}).at("small")
    assert "x.toml, size small: " in str(caught.value)


def test_data_in_a_longer_circle() -> None:
    values = plan_values()
    values["data"]["people"]["needs"] = ["rooms"]
    values["data"]["rooms"]["needs"] = ["people"]
    with pytest.raises(DataError, match="people needs rooms needs people"):
        PlanFile("x", "x.toml", values, {}).at(None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[data.x]\ncommands = []\n[data.x]\n", "cannot be read as settings"),
        ("[task.x", "cannot be read as settings"),
        ("[tasks.x]\n", "tasks is no table of a plan; did you mean task"),
        ("task = 3", "a table for each name"),
        ("[task]\nx = 3", "a table for each name"),
        ("size = 3", "a table for each size"),
        ("[size.small.tasks.x]\n", "size.small.tasks is no table"),
        ("[options]\nx = 3", "options holds a text for each name"),
        ("[size.small.options.x]\ny = '3'", "size.small.options holds a text for each name"),
    ],
)
def test_a_file_that_is_no_plan(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=told):
        read_plan(str(path))


def test_unknown_plans_and_sizes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean liftedcl"):
        read_plan("liftdcl")
    with pytest.raises(HcmocoBenchError, match="no-such"):
        read_plan(str(tmp_path / "no-such.toml"))
    file = PlanFile("x", "x.toml", plan_values(), {"small": {}})
    with pytest.raises(UsageError, match="sizes small; give one with --size"):
        file.at(None)
    with pytest.raises(UsageError, match=r"--size smal: .*did you mean small"):
        file.at("smal")


def test_every_packaged_plan_is_whole_at_every_size() -> None:
    assert "liftedcl" in plan_names()
    for name in plan_names():
        file = read_plan(name)
        assert {"smoke", "small"} <= set(file.sizes)
        for size in file.sizes:
            assert file.at(size).claim


@pytest.mark.parametrize("folder", sorted(STUDIES.iterdir()), ids=lambda folder: folder.name)
def test_committed_records_are_of_the_packaged_plans(folder: Path) -> None:
    plan, _, size = folder.name.rpartition("-")
    cells = cells_of(read_plan(plan).at(size)).by_name
    records = {path.parent.name: json.loads(path.read_text()) for path in folder.glob("cells/*/cell.json")}
    assert records
    assert {name: record["fingerprint"] for name, record in records.items()} == {
        name: cells[name].fingerprint for name in records
    }


def settings_of(words: list[str]) -> Settings | None:
    """The settings that a training's command line gives; None for the other commands, of which only words are read."""
    command, name = get_command(app), ""
    while hasattr(command, "commands"):
        name, *words = words
        command = command.commands[name]
    ctx = command.make_context(name, words)
    if name == "pretrain":
        given = given_settings(ctx, ctx.params["settings"])
        return make_pretrain_settings(ctx.params["config"], given, method=ctx.params["method"])
    if name == "finetune":
        given = {"task": ctx.params["task"], **given_settings(ctx, ctx.params["settings"])}
        return make_finetune_settings(ctx.params["task"], given, recipe=ctx.params["config"])
    return None


@pytest.mark.parametrize(("name", "size"), [(name, size) for name in plan_names() for size in read_plan(name).sizes])
def test_every_command_of_a_packaged_plan_is_one_of_the_tool(name: str, size: str) -> None:
    kinds = set()
    for cell in cells_of(read_plan(name).at(size)).by_name.values():
        if cell.seed in (None, 0):
            for words in cell.lines({need: f"work/{need}" for need in cell.needs}, "work/out"):
                if words[0] == "finetune" and "--ckpt" in words:  # which is not made yet
                    place = words.index("--ckpt")
                    words[place : place + 2] = ["--init", "scratch"]
                kinds.add(type(settings_of(words)))
    assert len(kinds) > 3


def test_a_wrong_option_would_be_found() -> None:
    with pytest.raises(Exception, match="unexpected extra argument"):
        settings_of(split_line("pretrain --method cmc --epochs 1 --set negatives=16 --out x"))
    with pytest.raises(UsageError, match="milestones"):
        settings_of(split_line("finetune --task pose2d --store x --init scratch --set milestones=[] --out x"))
