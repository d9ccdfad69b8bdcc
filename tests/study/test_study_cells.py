"""Cells of a plan: their names, what they share, and what their fingerprints depend on."""

from __future__ import annotations

from typing import Any

from study_plans import plan_values, small_cells, small_plan

from hcmoco_bench.study.cells import cells_of


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
