"""What a result says about how it was computed: program, commit, libraries, device and settings."""

from __future__ import annotations

import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from hcmoco_bench import __version__
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.results.schema import RunEntry, TrainingEntry
from hcmoco_bench.runtime.settings import Added, Bookkeeping, Location
from hcmoco_bench.tasks.core.settings import FinetuneSettings, nested_settings
from hcmoco_bench.tasks.core.task import Task
from hcmoco_bench.training.precision import resolve_precision

_LIBRARIES = ("torch", "torchvision", "timm", "numpy", "opencv-python-headless")


def run_entry(
    config: FinetuneSettings | None,
    *,
    seeds: tuple[int, ...],
    device: torch.device | None,
    command: str | None,
    scoring: FinetuneSettings | None = None,
) -> RunEntry:
    """How a result was computed; predictions of other programs have no settings and no device.

    Args:
        config: The settings of the training.
        seeds: Its seeds.
        device: Where it was scored.
        command: The command line as it was typed.
        scoring: The settings of the scoring, where they may be others.
    """
    scored = scoring or config
    return RunEntry(
        tool=f"hcmoco-bench {__version__}",
        git=commit(),
        config_sha256=None if config is None else config_sha256(config),
        seeds=seeds,
        versions={name: version(name) for name in _LIBRARIES},
        device=None if device is None else device_name(device),
        precision=None if scored is None or device is None else resolve_precision(scored.precision, device),
        command=command,
    )


def training_entry(task: Task[Any], config: FinetuneSettings) -> TrainingEntry:
    """What labels a model learned from with these settings."""
    return TrainingEntry(split=task.training_split(config), ratio=config.ratio)


def config_sha256(config: FinetuneSettings) -> str:
    """Fingerprint of the settings that change what is learned: without folders, the seed, workers and the like."""
    fields = type(config).model_fields
    unused = {name for name in config.marked(Added) if getattr(config, name) == fields[name].default}
    left_out = config.marked(Bookkeeping) | config.marked(Location) | unused
    told = {name: value for name, value in config.model_dump(mode="json").items() if name not in left_out}
    return json_sha256(nested_settings(told))


def device_name(device: torch.device) -> str:
    """`cpu`, or the GPU's name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def commit() -> str | None:
    """Commit of the program; None outside a checkout."""
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
