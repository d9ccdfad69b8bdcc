"""The benchmarks of pre-training run, in small, and say what they promise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from generated_trees import GeneratedTree

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options

ROOT = Path(__file__).resolve().parents[2]


def _run(script: str, *arguments: str | Path, out: Path) -> tuple[str, Any]:
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / script, *map(str, arguments), "--json", out],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr  # 1: a goal was missed, as it may be in small
    return done.stdout, json.loads(out.read_text("utf-8"))


@pytest.mark.slow
def test_a_step_is_measured_whole_and_in_parts(tmp_path: Path) -> None:
    said, found = _run(
        "pretrain.py", "--synthetic", "--device", "cpu", "--backbone", "hrnet_w18_small", "--size", "64",
        "--batch", "2", "--steps", "1", "--only", "fp32", out=tmp_path / "speed.json",
    )  # fmt: skip
    assert found["setting"]["batch"] == 2
    speed = found["speeds"]["fp32"]
    assert speed["failure"] == ""
    assert speed["stage2"] > 0.5 * speed["stage1"] > 0
    # The parts are the step: nothing of it is left out, and nothing is counted twice. Both are single steps, on a
    # machine that may be busy.
    assert 0.2 < sum(speed["parts"].values()) / speed["stage2"] < 5
    assert speed["memory"] > 100
    assert "all losses" in said
    assert found["loading"] == {}


@pytest.mark.slow
def test_retrieval_is_measured_at_every_point(generated_tree: GeneratedTree, tmp_path: Path) -> None:
    store = prepare_ntu([generated_tree.root], tmp_path / "store", check_options(set="pretrain", every=4)).store
    said, found = _run(
        "retrieval.py", "--train", store.path, "--held-out", store.path, "--epochs", "1", "1", "--seeds", "4",
        "--backbone", "test_resnet", "--image-size", "32", "--batch-size", "8", "--warmup-epochs", "0",
        "--out", tmp_path / "runs",
        out=tmp_path / "found.json",
    )  # fmt: skip
    (run,) = found["runs"]
    assert set(run) == {"untrained", "stage 1", "stage 2", "cmc"}
    assert run["cmc"]["n_samples"] == run["untrained"]["n_samples"] > 20
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"hcmoco-4", "cmc-4"}
    assert "Goals" in said
