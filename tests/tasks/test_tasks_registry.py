"""Every task is declared in full; names, settings and data that cannot be are refused with what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.predictions import check_ids
from hcmoco_bench.tasks.core.registry import get_task, task_names


@pytest.mark.parametrize("name", task_names())
def test_every_task_is_what_it_is_called_and_its_defaults_are_settings(name: str) -> None:
    task = get_task(name)
    assert task.record.id == name
    assert {"native"} <= {protocol.name for protocol in task.record.protocols}
    config = make_finetune_settings(name, {})
    assert config.task == name
    assert config.protocol == task.record.default_protocol
    assert type(config) is task.settings
    assert task.record.chance
    assert task.record.bad_input
    if type(task).__module__.startswith("hcmoco_bench."):  # a task of another package may need no files
        assert task.record.downloads
    # what is resolved can be given again
    assert make_finetune_settings(name, config.to_dict()) == config


def test_unknown_names_list_near_ones() -> None:
    with pytest.raises(UsageError, match="did you mean depth_parsing"):
        get_task("depth_parsin")
    with pytest.raises(UsageError, match=r"there are .*rgb_parsing"):
        get_task("zzzz")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"epoch": 3}, "there is no setting 'epoch'; did you mean epochs"),
        ({"ratio": 0.0}, "ratio: Input should be greater than 0"),
        ({"framing": "corner"}, "framing: Input should be"),
        ({"protocol": "fair"}, "there is no protocol 'fair'; there are native, published"),
        ({"schedule": "multistep"}, "needs milestones"),
        ({"root": "/data"}, "run prepare on /data"),
        ({"ratio": 0.5, "lists": "v3"}, "goes with lists = v2"),
        ({"framing": "person", "protocol": "published"}, "framing=person goes with"),
        ({"options": {"framng": "frame"}}, "there is no setting 'framng'; did you mean framing"),
    ],
)
def test_settings_that_cannot_be_are_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_finetune_settings("depth_parsing", given)


def test_points_are_of_depth() -> None:
    with pytest.raises(UsageError, match="pointnet takes depth"):
        make_finetune_settings("rgb_parsing", {"backbone": "pointnet"})


def test_a_ratio_without_a_split_lists_those_there_are(small: dict[str, Any]) -> None:
    task, config = get_task("depth_parsing"), make_finetune_settings("depth_parsing", small | {"ratio": 0.5})
    with pytest.raises(UsageError, match=r"no split train_50; it has .*train_20"):
        task.open_data(config, task.training_split(config), train=True)


def test_without_a_store_the_commands_that_make_one_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"synth ntu .*prepare ntu"):
        make_finetune_settings("depth_parsing", {}, home=tmp_path)


def test_ids_of_predictions_are_counted_and_named(tmp_path: Path) -> None:
    expected = [f"s{number}" for number in range(9)]
    check_ids(reversed(expected), expected, path=tmp_path)
    check_ids(dict.fromkeys(expected, 3), expected, path=tmp_path)
    with pytest.raises(DataError) as caught:
        check_ids(["s0", "s1", "s1", "x", "s2"], expected, path=tmp_path)
    assert caught.value.kind == "predictions_ids"
    told = str(caught.value)
    assert "6 missing (s3, s4, s5, s6, s7, ...)" in told
    assert "1 given more than once (s1)" in told
    assert "1 not in the split (x)" in told
