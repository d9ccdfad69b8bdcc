"""Cells of a plan: their names, what they share, and what their fingerprints depend on."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from study_plans import plan_values, small_cells, small_plan

from hcmoco_bench.errors import UsageError
from hcmoco_bench.study.cells import cells_of
from hcmoco_bench.study.options import option_value
from hcmoco_bench.study.record import short_table


def test_names_order_and_sharing() -> None:
    cells = small_cells()
    names = list(cells.by_name)
    assert len(names) == 2 + 4 + 2 * (3 * 2 + 2)
    assert "finetune-parsing-0.1-color-1" in names
    assert "finetune-pose-1-scratch-0" in names
    assert all(names.index(need) < names.index(name) for name in names for need in cells.by_name[name].needs)
    first = [name for name in names if name.endswith("-0")]
    assert names.index(first[-1]) < names.index("pretrain-both-1")
    assert {one.cell for one in cells.scores["depth"]} == {"finetune-pose-1-both-0"}
    alone = cells_of(small_plan(), ["depth"])
    assert list(alone.by_name) == ["data-rooms", "data-people", "pretrain-both-0", "finetune-pose-1-both-0"]
    assert all(cell == cells.by_name[name] for name, cell in alone.by_name.items())


def test_command_lines() -> None:
    cells = small_cells().by_name
    place = {"data-people": "work/data-people/out", "pretrain-both-0": "there.pth"}
    (line,) = cells["finetune-parsing-0.1-both-0"].lines(place, "here")
    assert line == [
        *("finetune", "--task", "rgb_parsing", "--store", "work/data-people/out/store", "--epochs", "30"),
        *("--ckpt", "there.pth", "--ratio", "0.1", "--seeds", "0", "--name", "Both", "--out", "here"),
    ]
    (line,) = cells["finetune-parsing-1-scratch-1"].lines(place, "here")
    assert line[5:] == [
        *("--epochs", "3", "--init", "scratch", "--ratio", "1"),
        *("--seeds", "1", "--name", "without pre-training", "--out", "here"),
    ]
    (line,) = cells["pretrain-color-1"].lines(place, "here")
    assert line[1:] == [
        *("--method", "liftedcl", "--store", "work/data-people/out/store", "--seed", "1", "--out", "here")
    ]
    assert len(cells["data-people"].lines({}, "here")) == 2


def fingerprints(values: dict[str, Any]) -> dict[str, str]:
    return {name: cell.fingerprint for name, cell in cells_of(small_plan(**values)).by_name.items()}


def test_fingerprints_change_with_what_a_cell_depends_on() -> None:
    before = fingerprints(plan_values())
    assert len(set(before.values())) == len(before)

    def changed(values: dict[str, Any]) -> set[str]:
        return {name for name, one in fingerprints(values).items() if before[name] != one}

    values = plan_values()
    values["pretraining"]["both"]["options"] += " --lr 1"
    assert changed(values) == {name for name in before if "both" in name}
    values = plan_values()
    values["data"]["rooms"]["commands"][0] += " --clips 3"
    assert changed(values) == {name for name in before if "rooms" in name or "-pose-" in name}
    values = plan_values()
    values["task"]["parsing"]["options_at"]["0.1"] += " --lr 1"
    assert changed(values) == {name for name in before if "parsing-0.1" in name}
    values = plan_values()
    values["claim"]["help"]["title"] = "Another title"
    values["pretraining"]["both"]["modalities"] = ["rgb", "depth"]
    assert changed(values) == set()


def with_config(named: str) -> dict[str, Any]:
    values = plan_values()
    values["pretraining"]["both"]["options"] += f" --config '{named}'"
    return values


def test_fingerprints_change_with_what_stands_in_a_recipe(tmp_path: Path) -> None:
    recipe = tmp_path / "own recipe.toml"
    recipe.write_text("lr = 0.1\n")
    before = fingerprints(with_config(str(recipe)))
    recipe.write_text("# The same values.\nlr = 0.10\n")
    assert fingerprints(with_config(str(recipe))) == before
    recipe.write_text("lr = 0.2\n")
    after = fingerprints(with_config(str(recipe)))
    assert {name for name, one in after.items() if before[name] != one} == {name for name in before if "both" in name}
    cells = cells_of(small_plan(**with_config(str(recipe)))).by_name
    assert cells["pretrain-both-0"].recipe == {"lr": 0.2}
    assert cells["pretrain-color-0"].recipe == {}
    packaged = cells_of(small_plan(**with_config("liftedcl-small"))).by_name["pretrain-both-0"]
    assert packaged.recipe["method"] == "liftedcl"


def test_recipes_that_cannot_be_read() -> None:
    with pytest.raises(UsageError, match="did you mean liftedcl-small"):
        fingerprints(with_config("liftedcl-smal"))
    for named in ("mine.toml", "recipes/mine"):
        with pytest.raises(UsageError, match="absolute path"):
            fingerprints(with_config(named))
    made_by_a_cell = with_config("{data}/recipe.toml")
    assert fingerprints(made_by_a_cell) != fingerprints(plan_values())


def test_the_value_of_an_option() -> None:
    assert option_value("--lr 1 --config one --set a=2", "config") == "one"
    assert option_value("--config=one --lr 1", "config") == "one"
    assert option_value("--config one --config 'two three'", "config") == "two three"
    assert option_value("--set config=3 --quiet", "config") is None
    assert option_value("--quiet", "quiet") is None


def test_a_record_keeps_some_lines_of_a_long_table() -> None:
    short = b"step,loss\n" + b"".join(b"%d,0.5\n" % step for step in range(400))
    assert short_table(short) == short
    table = short_table(b"step,loss\n" + b"".join(b"%d,0.5\n" % step for step in range(3001))).splitlines()
    steps = [int(line.partition(b",")[0]) for line in table[1:]]
    assert (table[0], steps[0], steps[-1], len(steps)) == (b"step,loss", 0, 3000, 400)
    assert {after - before for before, after in pairwise(steps)} == {7, 8}
    assert short_table(b"") == b""
