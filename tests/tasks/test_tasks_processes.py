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


@pytest.mark.slow
def test_one_process_scores_what_two_have_trained_as_they_did(small: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "run"
    settings = ["--backbone", small["backbone"], "--init", small["init"], "--size", small["image_size"]]
    settings += ["--batch-size", small["batch_size"], "--epochs", 12, "--lr", 0.003]
    settings += ["--set", "optimizer=adam", "--set", "framing=person", "--set", "class_weights=none"]
    command = [*LAUNCH, "-m", "hcmoco_bench.cli.app", "finetune", "--task", "depth_parsing", "--quiet", "--out", out]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(
        [*map(str, [*command, "--store", small["stores"][0], *settings])], check=True, env=environment, timeout=300
    )
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
