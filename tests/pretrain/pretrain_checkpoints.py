"""Small pre-training checkpoints for tests, written as a run writes them, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from hcmoco_bench.pretrain.multimodal.model import MultiModalModel
from hcmoco_bench.pretrain.recipes import make_pretrain_settings
from hcmoco_bench.pretrain.registry import get_method
from hcmoco_bench.training.checkpoint import save_checkpoint


def write_checkpoint(path: Path, *, step: int = 20, **settings: Any) -> MultiModalModel:
    """Write a checkpoint of random weights with batch statistics of their own; returns the model in evaluation mode."""
    small = {"backbone": "hrnet_w18_small", "init": "scratch", "image_size": 64}
    config: Any = make_pretrain_settings(None, small | settings)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = get_method(config.method).build_model(config)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.normal_(0, 0.1)
            elif name.endswith("running_var"):
                buffer.uniform_(0.5, 2.0)
    bank = {f"bank_{name}": torch.zeros(7, config.dim) for name in ("rgb", "depth", "keypoints")}
    state = {
        "kind": "pretrain",
        "config": config.to_dict(),
        "model": model.state_dict(),
        "step": step,
        "total_steps": 20,
        "bank": bank,
    }
    save_checkpoint(path, state)
    return model.eval()
