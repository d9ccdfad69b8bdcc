"""A user's Accelerate configuration does not change a run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFIGURATIONS = {
    "dynamo": {"ACCELERATE_DYNAMO_BACKEND": "EAGER"},
    "accumulation": {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"},
    "precision": {"ACCELERATE_MIXED_PRECISION": "bf16"},
    "sharding": {"ACCELERATE_USE_FSDP": "true", "FSDP_VERSION": "1", "FSDP_SHARDING_STRATEGY": "FULL_SHARD"},
    "deepspeed": {"ACCELERATE_USE_DEEPSPEED": "true"},
    "megatron": {"ACCELERATE_USE_MEGATRON_LM": "true"},
}

STEP = """
import sys
from pathlib import Path
import torch
from hcmoco_bench.training.device import make_accelerator
accelerator = make_accelerator(Path(sys.argv[1]))
torch.manual_seed(0)
network = torch.nn.Linear(2, 1)
model = accelerator.prepare_model(network)
accelerator.backward(model(torch.ones(3, 2)).sum())
print(list(model.state_dict()), network.weight.grad.tolist(), accelerator.mixed_precision)
"""


@pytest.mark.slow
def test_configurations_change_nothing(tmp_path: Path) -> None:
    """One process for each, started together: Accelerate keeps what it has read once."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("ACCELERATE_", "FSDP_"))}
    started = {
        name: subprocess.Popen(
            [sys.executable, "-c", STEP, str(tmp_path)], env=plain | more, stdout=subprocess.PIPE, text=True
        )
        for name, more in CONFIGURATIONS.items()
    }
    said = {name: process.communicate()[0].strip() for name, process in started.items()}
    assert said == dict.fromkeys(CONFIGURATIONS, "['weight', 'bias'] [[3.0, 3.0]] no")
