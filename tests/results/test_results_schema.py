"""Result files: what they must say, that they are added and never changed, and how a bad one is reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.results import Result, read_result, write_result

SHA = "0123456789abcdef" * 4


def content(**changes: Any) -> dict[str, Any]:
    """A result as it stands in a file; `changes` replace fields, `scores__mean=1` one of a section."""
    made: dict[str, Any] = {
        "schema": 1,
        "task": {
            "id": "depth_parsing",
            "version": "1",
            "protocol": "native",
            "variant": "",
            "split": "test",
            "split_sha256": SHA,
        },
        "model": {
            "name": "HCMoCo",
            "backbone": "hrnet_w18",
            "weights_sha256": SHA,
            "pretrain": {"method": "hcmoco", "data": "generated", "init": "scratch"},
            "training": {"split": "train_20", "ratio": 0.2},
        },
        "data": {"name": "nturgbd-parsing-4k", "manifest_sha256": SHA, "n_expected": 12, "n_scored": 12},
        "run": {
            "tool": "hcmoco-bench 0.3.0",
            "git": None,
            "config_sha256": SHA,
            "seeds": [0, 1],
            "versions": {"torch": "2.15.0"},
            "device": "cpu",
            "precision": "fp32",
            "command": "hcmoco-bench finetune",
        },
        "scores": {
            "main": "miou",
            "unit": "%",
            "mean": 0.1 + 0.2,
            "std": 0.1,
            "ci95": [0.2, 0.4],
            "ci95_draws": 1000,
            "per_seed": [0.1 + 0.2, 0.1 + 0.2],
            "per_class": {"head": {"iou": 0.5, "accuracy": None}},
            "all": {"miou": 0.1 + 0.2, "macc": None},
        },
        "evidence": [{"file": "seed-0.npz", "sha256": SHA}, {"file": "seed-1.npz", "sha256": SHA}],
        "status": {"tier": "self-reported", "notes": []},
    }
    for name, value in changes.items():
        section, _, field = name.partition("__")
        if field:
            made[section] = made[section] | {field: value}
        else:
            made[section] = value
    return made


def result(**changes: Any) -> Result:
    return Result.model_validate_json(json.dumps(content(**changes)))


def test_written_and_read_back_to_the_same_bits(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_result(path, result())
    assert read_result(path) == result()
    assert json.loads(path.read_text()) == content()
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]


def test_the_least_that_is_a_result() -> None:
    made = content(
        status={"tier": "self-reported"},
        model={"name": "CMC"},
        run={"tool": "none"},
        scores={"main": "miou", "unit": "%", "mean": 55.1},
    )
    del made["evidence"]
    assert Result.model_validate(made).scores.per_seed == ()


def test_another_result_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_result(path, result())
    before = path.read_bytes()
    write_result(path, result())
    with pytest.raises(UsageError, match="holds another result"):
        write_result(path, result(model__name="CMC"))
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]


def test_a_file_system_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", link)
    test_another_result_is_not_overwritten(tmp_path)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"none.*: cannot be written"):
        write_result(tmp_path / "none" / "result.json", result())


@pytest.mark.parametrize(
    "changes",
    [
        {"extra": 1},
        {"schema": 2},
        {"task__split_sha256": "abc"},
        {"data__n_scored": 13},
        {"data__n_scored": -1},
        {"scores__mean": float("nan")},
        {"scores__mean": 0.2},
        {"scores__main": "iou"},
        {"scores__std": -0.1},
        {"scores__ci95": [0.4, 0.2]},
        {"scores__per_seed": [0.3]},
        {"scores__all": {"miou": float("inf")}},
        {"evidence": [{"file": "seed-0.npz", "sha256": SHA}]},
        {"evidence": [{"file": "../seed-0.npz", "sha256": SHA}] * 2},
        {"status__tier": "sota"},
        {"status__tier": "reproduced"},
        {"model__training": {"split": "train", "ratio": 0}},
        {"model__name": ""},
    ],
)
def test_what_is_no_result(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Result.model_validate(content(**changes))


def test_a_bad_file_is_named_with_its_fields(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.write_text(json.dumps(content(scores__unit=3, data__name="")))
    with pytest.raises(DataError, match=r"result\.json.*data\.name.*scores\.unit") as caught:
        read_result(path)
    assert caught.value.kind == "result_schema"
    path.write_text(path.read_text()[:100])
    with pytest.raises(DataError, match="file: Invalid JSON") as caught:
        read_result(path)
    with pytest.raises(DataError, match="no result file") as caught:
        read_result(tmp_path / "none.json")
    assert caught.value.kind == "result_missing"
