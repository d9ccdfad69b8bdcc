"""Runs on generated data: killed and resumed, on two processes, continued, refused."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from hcmoco_bench.errors import StoreLockedError, UsageError
from hcmoco_bench.lock import folder_lock
from hcmoco_bench.pretrain.build import load_pretrained
from hcmoco_bench.pretrain.config import PretrainConfig, make_config
from hcmoco_bench.pretrain.run import run_pretrain
from hcmoco_bench.pretrain.stores import default_stores
from hcmoco_bench.training.checkpoint import load_checkpoint
from hcmoco_bench.training.loss_table import read_losses

COMMAND = (sys.executable, "-m", "hcmoco_bench.cli.app", "pretrain", "--quiet")
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def column(folder: Path, name: str) -> list[float]:
    return [float(value) for value in read_losses(folder / "losses.csv")[name] if value]


@pytest.fixture
def settings_file(settings: dict[str, Any], tmp_path: Path) -> Path:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(settings | {"stage1_epochs": 2, "checkpoint_every": 3}))
    return file


@pytest.mark.slow
def test_a_killed_run_continues_with_the_same_bits(settings_file: Path, tmp_path: Path) -> None:
    start = (*COMMAND, "--config", str(settings_file), "--out")
    subprocess.run([*start, str(tmp_path / "whole")], check=True, env=ENVIRONMENT)
    cut = tmp_path / "cut"
    kills = 0
    for lines in (3, 6, 9, 13):  # the header and so many steps: in both stages, on and between checkpoints
        command = [*COMMAND, "--out", str(cut), "--resume"] if kills else [*start, str(cut)]
        process = subprocess.Popen(command, env=ENVIRONMENT)
        while process.poll() is None and _lines(cut) <= lines:
            time.sleep(0.005)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 2
    subprocess.run([*COMMAND, "--out", str(cut), "--resume"], check=True, env=ENVIRONMENT)
    assert (cut / "losses.csv").read_bytes() == (tmp_path / "whole" / "losses.csv").read_bytes()
    ends = [load_checkpoint(folder / "checkpoint.pth") for folder in (cut, tmp_path / "whole")]
    for part in ("model", "bank"):
        assert all(torch.equal(ends[0][part][name], value) for name, value in ends[1][part].items())


def _lines(folder: Path) -> int:
    path = folder / "losses.csv"
    return path.read_bytes().count(b"\n") if path.is_file() else 0


@pytest.mark.slow
def test_two_processes_give_the_losses_of_one(settings_file: Path, tmp_path: Path) -> None:
    # With large steps an untrained network would enlarge the rounding of sums over processes.
    calm = ["--lr", "0.000001", "--set", "sync_batch_norm=true", "--config", str(settings_file), "--out"]
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0"]
    run = ["-m", "hcmoco_bench.cli.app", "pretrain", "--quiet", *calm]
    subprocess.run([*launch, "--standalone", *run, str(tmp_path / "two")], check=True, env=ENVIRONMENT)
    subprocess.run([sys.executable, *run, str(tmp_path / "one")], check=True, env=ENVIRONMENT)
    names = list(read_losses(tmp_path / "one" / "losses.csv"))
    for name in (name for name in names if name not in ("step", "stage", "epoch")):
        if not name.startswith("accuracy/"):
            one, two = column(tmp_path / "one", name), column(tmp_path / "two", name)
            assert two == pytest.approx(one, rel=2e-3), name
    one, two = (load_checkpoint(tmp_path / name / "checkpoint.pth") for name in ("one", "two"))
    for name, value in one["bank"].items():
        assert torch.allclose(two["bank"][name], value, atol=2e-3), name


def test_a_run_leaves_settings_checkpoints_table_and_curves(small: PretrainConfig, tmp_path: Path) -> None:
    report = run_pretrain(small.model_copy(update={"trackers": ("tensorboard",)}), tmp_path / "run")
    names = {path.name for path in report.folder.iterdir()}
    assert {"config.json", "losses.csv", "curves.png", "checkpoint.pth", "stage1.pth", "stage2.pth"} <= names
    assert list((report.folder / "tensorboard").rglob("events*"))
    state = load_checkpoint(report.checkpoint)
    expected = {"format", "kind", "config", "model", "optimizer", "scheduler", "rng", "step", "bank"}
    assert expected <= set(state)
    assert state["kind"] == "pretrain"
    assert make_config(str(report.folder / "config.json")).seed == small.seed
    config, model = load_pretrained(report.checkpoint)
    assert config.backbone == small.backbone
    assert all(torch.equal(value, state["model"][name]) for name, value in model.state_dict().items())
    table = read_losses(report.losses)
    assert table["dense"][0] == ""
    assert table["dense"][-1] != ""
    assert report.last["stage"] == "all"


def test_the_second_stage_can_start_from_the_first_ones_checkpoint(settings: dict[str, Any], tmp_path: Path) -> None:
    first = run_pretrain(make_config(None, settings | {"stage2_epochs": 0}), tmp_path / "first")
    wanted = {"stage1_epochs": 0, "stage2_epochs": 1, "init": str(first.checkpoint), "lr": 1e-12}
    second = run_pretrain(make_config(None, settings | wanted), tmp_path / "second")
    before, after = (load_checkpoint(report.checkpoint)["model"] for report in (first, second))
    for name, value in before.items():
        if "running" not in name and "num_batches" not in name:
            assert torch.allclose(after[name], value, atol=1e-6), name


@pytest.mark.parametrize("method", ["cmc", "mmv"])
def test_the_baselines_run(settings: dict[str, Any], tmp_path: Path, method: str) -> None:
    report = run_pretrain(make_config(None, settings | {"method": method}), tmp_path)
    assert report.steps == report.total_steps == 10
    assert not any(name.startswith(("dense", "sparse")) for name in read_losses(report.losses))


def test_loading_processes_do_not_change_the_losses(small: PretrainConfig, tmp_path: Path) -> None:
    run_pretrain(small, tmp_path / "alone")
    run_pretrain(small.model_copy(update={"workers": 1}), tmp_path / "helped")
    assert (tmp_path / "alone" / "losses.csv").read_bytes() == (tmp_path / "helped" / "losses.csv").read_bytes()


def test_a_damaged_last_checkpoint_falls_back_to_the_one_before(small: PretrainConfig, tmp_path: Path) -> None:
    report = run_pretrain(small, tmp_path)
    table = report.losses.read_bytes()
    report.checkpoint.write_bytes(report.checkpoint.read_bytes()[:-1000])
    again = run_pretrain(small, tmp_path, resume=True)
    assert again.samples == 40  # the second stage once more
    assert again.losses.read_bytes() == table


def test_a_finished_run_has_nothing_left_to_do(small: PretrainConfig, tmp_path: Path) -> None:
    table = run_pretrain(small, tmp_path).losses.read_bytes()
    again = run_pretrain(small, tmp_path, resume=True)
    assert again.samples == 0
    assert again.losses.read_bytes() == table


def test_a_run_is_not_overwritten_nor_continued_with_other_settings(small: PretrainConfig, tmp_path: Path) -> None:
    run_pretrain(small, tmp_path)
    with pytest.raises(UsageError, match="add --resume"):
        run_pretrain(small, tmp_path)
    with pytest.raises(UsageError, match=r"lr was 0\.03 and is 0\.1"):
        run_pretrain(small.model_copy(update={"lr": 0.1}), tmp_path, resume=True)


def test_a_run_in_use_is_refused(small: PretrainConfig, tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(StoreLockedError):
        run_pretrain(small, tmp_path)


def test_a_batch_must_fit_the_data(small: PretrainConfig, tmp_path: Path) -> None:
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
    small = ["--backbone", "hrnet_w18_small", "--init", "scratch", "--size", "64", "--batch-size", "16"]
    small += ["--epochs", "1", "0", "--set", "negatives=32", "--set", "trackers=[]", "--json"]
    command = [sys.executable, "-m", "hcmoco_bench.cli.app", "pretrain", *small]
    home = ENVIRONMENT | {"HCMOCO_HOME": str(tmp_path)}
    done = subprocess.run(command, check=True, env=home, capture_output=True, text=True)
    summary = json.loads(done.stdout)
    assert summary["steps"] == 2
    assert Path(summary["checkpoint"]) == tmp_path / "runs" / "hcmoco" / "checkpoint.pth"
    again = subprocess.run(command, check=False, env=home, capture_output=True, text=True)
    assert again.returncode == 2
    assert "--resume" in again.stderr


@pytest.mark.real
def test_generated_ntu_mixes_with_real_mpii_and_coco(
    settings: dict[str, Any], pretrain_store: Path, real_files: Path, tmp_path: Path
) -> None:
    for name in ("mpii", "coco"):
        command = ("prepare", name, "--root", str(real_files / name), "--out", str(tmp_path / name), "--quiet")
        subprocess.run([sys.executable, "-m", "hcmoco_bench.cli.app", *command], check=True, env=ENVIRONMENT)
    stores = [str(pretrain_store), str(tmp_path / "mpii"), str(tmp_path / "coco")]
    config = make_config(None, settings | {"stores": stores, "joints": "shared13", "batch_size": 9})
    report = run_pretrain(config, tmp_path / "run")
    assert len(column(report.folder, "dense")) == report.total_steps // 2
