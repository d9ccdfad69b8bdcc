"""Models of a version with another network are refused with what changed; others go on being scored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import UsageError
from hcmoco_bench.results.schema import PretrainEntry
from hcmoco_bench.tasks.core.checkpoints import checkpoint_config, load_task_checkpoint
from hcmoco_bench.tasks.core.finetune import run_finetune
from hcmoco_bench.tasks.core.make_settings import make_finetune_settings
from hcmoco_bench.tasks.core.model_version import VERSION, check_model_version
from hcmoco_bench.tasks.core.record import TaskRecord, VersionChange
from hcmoco_bench.tasks.core.registry import get_task, task_names
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.parsing.depth import DepthParsing
from hcmoco_bench.training.checkpoint import load_checkpoint, save_checkpoint

CHANGE = VersionChange(version=2, change="its head has three eyes", new_network=True)
RESCORED = VersionChange(version=3, change="ties count as misses", new_network=False)


def record_with(*changes: VersionChange, version: int = 3) -> TaskRecord:
    return TaskRecord.model_validate(
        dict(get_task("depth_parsing").record) | {"version": version, "changes": changes}, strict=True
    )


def test_another_network_is_refused_and_other_rules_are_not() -> None:
    record = record_with(CHANGE, RESCORED)
    for saved in ({}, {VERSION: 1}):
        with pytest.raises(UsageError, match=r"a\.pth: .* version 1, .*since version 2, its head has three eyes"):
            check_model_version(record, saved, "a.pth")
    check_model_version(record, {VERSION: 2}, "a.pth")  # since then only rules of scoring have changed
    check_model_version(record, {VERSION: 3}, "a.pth")
    check_model_version(record_with(RESCORED), {}, "a.pth")
    with pytest.raises(UsageError, match="version 4; this package has version 3"):
        check_model_version(record, {VERSION: 4}, "a.pth")


def test_changes_rise_up_to_the_version() -> None:
    with pytest.raises(ValidationError, match="they must rise, up to version 3"):
        record_with(RESCORED, CHANGE)
    with pytest.raises(ValidationError, match="they must rise, up to version 2"):
        record_with(CHANGE, RESCORED, version=2)


@pytest.mark.parametrize("name", task_names())
def test_every_version_says_what_it_changed(name: str) -> None:
    record = get_task(name).record
    assert [one.version for one in record.changes] == list(range(2, record.version + 1))


@pytest.mark.parametrize("name", ["cross_modality", "missing_modality"])
def test_a_model_with_the_former_head_is_refused_by_name(name: str, tmp_path: Path) -> None:
    task = get_task(name)
    config = make_finetune_settings(name, {"backbone": "test_resnet", "init": "scratch", "stores": ("a", "b")})
    model, path = task.build_model(config).state_dict(), tmp_path / "model.pth"
    saved = checkpoint_config(task.record, config, PretrainEntry(method="scratch"), "last epoch")
    save_checkpoint(path, {"kind": "task", "config": saved, "model": model})
    assert load_task_checkpoint(path, name).config == config
    del saved[VERSION]  # as the first version wrote it
    save_checkpoint(path, {"kind": "task", "config": saved, "model": model})
    done = CliRunner().invoke(app, ["eval", "--task", name, "--ckpt", str(path), "--store", "a"])
    assert isinstance(done.exception, UsageError)
    told = str(done.exception)
    assert "version 1, whose network the task no longer has" in told
    assert "no longer two 3x3 convolutions" in told
    assert "Fine-tune again" in told


NOW = get_task("depth_parsing").record.version


class NewHead(DepthParsing):
    record = record_with(CHANGE.model_copy(update={"version": NOW + 1}), version=NOW + 1)


def test_a_run_of_a_former_version_is_not_resumed(small: dict[str, Any], tmp_path: Path) -> None:
    config: FinetuneSettings = make_finetune_settings("depth_parsing", small | {"epochs": 1})
    run_finetune(config, tmp_path, bootstrap=0, sheet_size=0)
    assert load_checkpoint(tmp_path / "seed-0" / "model.pth")["config"][VERSION] == NOW
    (tmp_path / "result.json").unlink()
    with pytest.raises(UsageError, match=f"since version {NOW + 1}, its head has three eyes"):
        run_finetune(config, tmp_path, task=NewHead(), resume=True, bootstrap=0, sheet_size=0)
    again = run_finetune(config, tmp_path, resume=True, bootstrap=0, sheet_size=0)
    assert again.written is not None
