"""Runs on generated data: killed and resumed, on two processes, continued, refused."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from forked import fork_server, run_ranks
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import StoreLockedError, UsageError
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.pretrain.checkpoints import load_pretrained
from hcmoco_bench.pretrain.multimodal.stores import default_stores
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.pretrain.settings import PretrainSettings
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.loss_table import read_losses
from hcmoco_bench.training.precision import resolve_precision

PRETRAIN = ("-m", "hcmoco_bench.cli.app", "pretrain", "--quiet")
CPU = torch.device("cpu")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def column(folder: Path, name: str) -> list[float]:
    return [float(value) for value in read_losses(folder / "losses.csv")[name] if value]


def run_alone(config: PretrainSettings, folder: Path, resume: bool) -> None:
    """What a process does that is started for a run."""
    os.environ.update(ENVIRONMENT)
    torch.set_num_threads(1)
    run_pretrain(config, folder, resume=resume)


def command_of_a_rank(rank: int, arguments: list[str], port: int) -> None:
    """What a process does that `torch.distributed.run` starts; `test_tasks_processes` starts some with it."""
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ.update(ENVIRONMENT | {"MASTER_ADDR": "127.0.0.1"} | {name: str(value) for name, value in place.items()})
    torch.set_num_threads(1)
    app(arguments, standalone_mode=False)


@pytest.fixture
def long_config(settings: dict[str, Any]) -> PretrainSettings:
    return make_pretrain_settings(None, settings | {"stage1_epochs": 2, "checkpoint_every": 3})


@pytest.mark.slow
def test_a_killed_run_continues_with_the_same_bits(long_config: PretrainSettings, tmp_path: Path) -> None:
    def start(folder: Path, *, resume: bool) -> Any:
        process = fork_server().Process(target=run_alone, args=(long_config, folder, resume))
        process.start()
        return process

    cut = tmp_path / "cut"
    kills = 0
    for lines in (3, 6, 13):  # the header and so many steps: in both stages, on and between checkpoints
        process = start(cut, resume=kills > 0)
        while process.is_alive() and _lines(cut) <= lines:
            time.sleep(0.005)
        if process.is_alive():
            process.kill()
            kills += 1
        process.join()
    assert kills >= 2
    for folder in (tmp_path / "whole", cut):
        process = start(folder, resume=folder == cut)
        process.join()
        assert process.exitcode == 0
    assert (cut / "losses.csv").read_bytes() == (tmp_path / "whole" / "losses.csv").read_bytes()
    ends = [load_checkpoint(folder / "checkpoint.pth") for folder in (cut, tmp_path / "whole")]
    for part in ("model", "bank"):
        assert all(torch.equal(ends[0][part][name], value) for name, value in ends[1][part].items())


def _lines(folder: Path) -> int:
    path = folder / "losses.csv"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(small: PretrainSettings, tmp_path: Path) -> None:
    # With large steps an untrained network would enlarge the rounding of sums over processes.
    calm = small.model_copy(update={"lr": 1e-6, "sync_batch_norm": True})
    alone = fork_server().Process(target=run_alone, args=(calm, tmp_path / "one", False))
    alone.start()
    alone.join()
    assert alone.exitcode == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = ["pretrain", "--quiet", "--config", str(tmp_path / "one" / "config.json"), "--out", str(tmp_path / "two")]
    run_ranks(command_of_a_rank, run, port, ranks=2)
    names = list(read_losses(tmp_path / "one" / "losses.csv"))
    for name in (name for name in names if name not in ("step", "stage", "epoch")):
        if not name.startswith("accuracy/"):
            one, two = column(tmp_path / "one", name), column(tmp_path / "two", name)
            assert two == pytest.approx(one, rel=2e-3), name
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pth") for name in ("one", "two"))
    for name, value in one["bank"].items():
        assert torch.allclose(two["bank"][name], value, atol=2e-3), name


def test_a_run_keeps_the_precision_that_auto_stood_for(small: PretrainSettings, tmp_path: Path) -> None:
    short = small.model_copy(update={"precision": "auto", "stage2_epochs": 0})
    report = run_pretrain(short, tmp_path)
    kept = make_pretrain_settings(str(tmp_path / "config.json")).precision
    assert kept == load_pretrained(report.checkpoint).settings.precision == resolve_precision("auto", CPU)
    assert run_pretrain(short, tmp_path, resume=True).last == report.last


def test_a_run_leaves_settings_checkpoints_table_and_curves(small: PretrainSettings, tmp_path: Path) -> None:
    report = run_pretrain(small.model_copy(update={"trackers": ("tensorboard",)}), tmp_path / "run")
    names = {path.name for path in report.folder.iterdir()}
    assert {"config.json", "losses.csv", "curves.png", "checkpoint.pth", "stage1.pth", "stage2.pth"} <= names
    assert list((report.folder / "tensorboard").rglob("events*"))
    state = load_checkpoint(report.checkpoint)
    expected = {"format", "kind", "config", "model", "optimizer", "scheduler", "rng", "step", "bank"}
    assert expected <= set(state)
    assert state["kind"] == "pretrain"
    assert make_pretrain_settings(str(report.folder / "config.json")).seed == small.seed
    found = load_pretrained(report.checkpoint)
    assert (found.method.name, found.settings) == ("hcmoco", small.model_copy(update={"trackers": ("tensorboard",)}))
    assert all(torch.equal(value, state["model"][name]) for name, value in found.model.state_dict().items())
    table = read_losses(report.losses)
    assert table["dense"][0] == ""
    assert table["dense"][-1] != ""
    assert report.last["stage"] == "all"


def test_the_second_stage_can_start_from_the_first_ones_checkpoint(settings: dict[str, Any], tmp_path: Path) -> None:
    first = run_pretrain(make_pretrain_settings(None, settings | {"stage2_epochs": 0}), tmp_path / "first")
    wanted = {"stage1_epochs": 0, "stage2_epochs": 1, "init": str(first.checkpoint), "lr": 1e-12}
    second = run_pretrain(make_pretrain_settings(None, settings | wanted), tmp_path / "second")
    before, after = (load_checkpoint(report.checkpoint)["model"] for report in (first, second))
    for name, value in before.items():
        if "running" not in name and "num_batches" not in name:
            assert torch.allclose(after[name], value, atol=1e-6), name


@pytest.mark.parametrize("method", ["cmc", "mmv"])
def test_the_baselines_run(settings: dict[str, Any], tmp_path: Path, method: str) -> None:
    own = get_method(method).settings.model_fields
    used = {name: value for name, value in settings.items() if name in own}
    report = run_pretrain(make_pretrain_settings(None, used, method=method), tmp_path)
    assert report.steps == report.total_steps == 10
    assert not any(name.startswith(("dense", "sparse")) for name in read_losses(report.losses))


def test_without_a_memory_bank_a_run_continues_with_the_same_bits(settings: dict[str, Any], tmp_path: Path) -> None:
    config = make_pretrain_settings(None, settings | {"negatives": "batch", "checkpoint_every": 3})
    report = run_pretrain(config, tmp_path)
    assert load_checkpoint(report.checkpoint)["bank"] == {}
    table, end = report.losses.read_bytes(), load_checkpoint(report.checkpoint)["model"]
    report.checkpoint.write_bytes(report.checkpoint.read_bytes()[:-1000])  # the one before, of step 9, is left
    again = run_pretrain(config, tmp_path, resume=True)
    assert again.losses.read_bytes() == table
    model = load_checkpoint(again.checkpoint)["model"]
    assert all(torch.equal(model[name], value) for name, value in end.items())


def test_loading_processes_do_not_change_the_losses(
    small: PretrainSettings, finished_run: Path, tmp_path: Path
) -> None:
    run_pretrain(small.model_copy(update={"workers": 1}), tmp_path / "helped")
    assert (finished_run / "losses.csv").read_bytes() == (tmp_path / "helped" / "losses.csv").read_bytes()


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(small: PretrainSettings, finished_run: Path) -> None:
    table, checkpoint = (finished_run / "losses.csv").read_bytes(), finished_run / "checkpoint.pth"
    checkpoint.write_bytes(checkpoint.read_bytes()[:-1000])
    again = run_pretrain(small, finished_run, resume=True)
    assert again.samples == 40  # the second stage once more
    assert again.losses.read_bytes() == table


def test_a_finished_run_has_nothing_left_to_do(small: PretrainSettings, finished_run: Path) -> None:
    table = (finished_run / "losses.csv").read_bytes()
    again = run_pretrain(small, finished_run, resume=True)
    assert again.samples == 0
    assert again.losses.read_bytes() == table


def test_a_run_is_not_overwritten_nor_continued_with_other_settings(
    small: PretrainSettings, finished_run: Path
) -> None:
    with pytest.raises(UsageError, match="add --resume"):
        run_pretrain(small, finished_run)
    with pytest.raises(UsageError, match=r"lr was 0\.03 and is 0\.1"):
        run_pretrain(small.model_copy(update={"lr": 0.1}), finished_run, resume=True)


def test_a_run_in_use_is_refused(small: PretrainSettings, tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(StoreLockedError):
        run_pretrain(small, tmp_path)


def test_a_batch_must_fit_the_data(small: PretrainSettings, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"larger than the data \(\d+ samples\)"):
        run_pretrain(small.model_copy(update={"batch_size": 999}), tmp_path / "a")
    with pytest.raises(UsageError, match="cannot be divided"):
        run_pretrain(small.model_copy(update={"accumulate": 3}), tmp_path / "b")


def test_without_a_store_the_two_commands_that_make_one_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"synth ntu .*prepare ntu"):
        default_stores(tmp_path)


@pytest.mark.slow
def test_the_command_uses_the_store_of_the_home_folder(pretrain_store: Path, tmp_path: Path) -> None:
    (tmp_path / "pretrain").symlink_to(pretrain_store)
    small = ["--backbone", "test_resnet", "--init", "scratch", "--size", "64", "--batch-size", "16"]
    small += ["--epochs", "1", "0", "--set", "negatives=32", "--set", "trackers=[]", "--json"]
    home = {"HCMOCO_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, *PRETRAIN, *small], check=True, env=ENVIRONMENT | home, capture_output=True, text=True
    )
    summary = json.loads(done.stdout)
    assert summary["steps"] == 2
    run = tmp_path / "runs" / "hcmoco"
    assert Path(summary["checkpoint"]) == run / "checkpoint.pth"
    again = CliRunner().invoke(app, ["pretrain", "--config", str(run / "config.json"), "--out", str(run)])
    assert isinstance(again.exception, UsageError)
    assert "--resume" in str(again.exception)
    resumed = CliRunner().invoke(app, ["pretrain", "--out", str(run), "--resume", "--json"])
    assert json.loads(resumed.stdout)["steps"] == 2


@pytest.mark.real
def test_generated_ntu_mixes_with_real_mpii_and_coco(
    settings: dict[str, Any], pretrain_store: Path, real_files: Path, tmp_path: Path
) -> None:
    for name in ("mpii", "coco"):
        prepare_keypoints(name, real_files / name, tmp_path / name)
    stores = [str(pretrain_store), str(tmp_path / "mpii"), str(tmp_path / "coco")]
    config = make_pretrain_settings(None, settings | {"stores": stores, "joints": "shared13", "batch_size": 9})
    report = run_pretrain(config, tmp_path / "run")
    assert len(column(report.folder, "dense")) == report.total_steps // 2


def test_a_run_in_a_folder_of_any_name(small: PretrainSettings, finished_run: Path, tmp_path: Path) -> None:
    for name in (os.fsdecode("数据".encode("gbk")), "a[/b] [v2]"):
        folder = tmp_path / name / "run"
        folder.parent.mkdir(parents=True)
        shutil.copytree(finished_run, folder)
        again = run_pretrain(small, folder, resume=True)
        assert (again.steps, again.interrupted) == (10, False)
        assert again.curves is not None
        assert again.curves.read_bytes().startswith(b"\x89PNG")
