"""What a result says about how it was computed: program, commit, libraries, device, settings."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

from hcmoco_bench import __version__
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.results.schema import RunEntry
from hcmoco_bench.tasks.core.config import FREE_TO_CHANGE, FinetuneConfig

_LIBRARIES = ("torch", "torchvision", "timm", "numpy", "opencv-python-headless")
_PLACES = frozenset({"stores", "root", "ckpt", "seed"})


def run_entry(
    config: FinetuneConfig | None, *, seeds: tuple[int, ...], device: torch.device | None, command: str | None
) -> RunEntry:
    """How a result was computed; without settings and device for predictions of others."""
    return RunEntry(
        tool=f"hcmoco-bench {__version__}",
        git=_commit(),
        config_sha256=None if config is None else config_sha256(config),
        seeds=seeds,
        versions={name: version(name) for name in _LIBRARIES},
        device=None if device is None else device_name(device),
        precision=None if config is None else config.precision,
        command=command,
    )


def config_sha256(config: FinetuneConfig) -> str:
    """Fingerprint of what the settings say about learning: without folders, the seed, workers and the like."""
    told = {name: value for name, value in config.to_dict().items() if name not in FREE_TO_CHANGE | _PLACES}
    return json_sha256(told)


def device_name(device: torch.device) -> str:
    """`cpu`, or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _commit() -> str | None:
    folder = Path(__file__).resolve().parents[3]
    if not (folder / ".git").exists():
        return None
    try:
        done = subprocess.run(  # a fixed command
            ["git", "-C", str(folder), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() or None
