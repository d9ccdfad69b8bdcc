"""Fine-tuning and scoring on two processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from hcmoco_bench.results import load_evidence, read_result
from hcmoco_bench.tasks.core.checkpoints import load_task_checkpoint
from hcmoco_bench.tasks.core.evaluate import evaluate_checkpoint
from hcmoco_bench.tasks.core.registry import get_task

LAUNCH = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--standalone")


def finetune(*words: object) -> None:
    """Fine-tune on depth parsing with two processes, each with one thread of a CPU."""
    command = [*LAUNCH, "-m", "hcmoco_bench.cli.app", "finetune", "--task", "depth_parsing", "--quiet", *words]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run([str(word) for word in command], check=True, env=environment, timeout=300)


@pytest.mark.slow
def test_one_process_scores_what_two_have_trained_as_they_did(small: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ["--backbone", small["backbone"], "--init", small["init"], "--size", small["image_size"]]
    settings += ["--batch-size", small["batch_size"], "--epochs", 12, "--lr", 0.003]
    settings += ["--set", "optimizer=adam", "--set", "framing=person", "--set", "class_weights=none"]
    finetune("--store", small["stores"][0], *settings, "--out", out)
    result = read_result(out / "result.json")
    assert result.data.n_scored == result.data.n_expected == 13
    model = load_task_checkpoint(out / "seed-0" / "model.pth", "depth_parsing", backbone=small["backbone"])
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    again = evaluate_checkpoint(get_task("depth_parsing"), model, model.config).evaluation
    torch.set_num_threads(threads)
    assert again.scores == result.scores.all
    evidence = load_evidence(out / result.evidence[0].file, sha256=result.evidence[0].sha256)
    assert all((evidence.columns[name] == column).all() for name, column in again.evidence.columns.items())


@pytest.mark.slow
def test_two_processes_keep_an_encoder_of_the_rate_0_and_train_the_rest(small: dict[str, Any], tmp_path: Path) -> None:
    settings = ["--backbone", small["backbone"], "--init", small["init"], "--size", small["image_size"]]
    settings += ["--batch-size", small["batch_size"], "--epochs", 2, "--set", "encoder_rate=0"]
    finetune("--store", small["stores"][0], *settings, "--out", tmp_path / "run")
    found = load_task_checkpoint(tmp_path / "run" / "seed-0" / "model.pth", "depth_parsing", backbone=small["backbone"])
    torch.manual_seed(0)
    begun = get_task("depth_parsing").build_model(found.config)
    kept = {name: torch.equal(value, found.model[name]) for name, value in begun.named_parameters()}
    assert kept == {name: name.startswith("encoder.") for name in kept}
