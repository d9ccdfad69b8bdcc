"""The process's device among the processes of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, ProjectConfiguration

from hcmoco_bench.training.trackers import check_trackers


def make_accelerator(folder: Path, trackers: Sequence[str] = ()) -> Accelerator:
    """The process's Accelerator for a run in a folder; under `accelerate launch` or `torchrun` one of many.

    Precision is left to the loop, and gradients of parameters that a batch does not reach (no depth in it) are allowed
    for.

    Raises:
        UsageError: If a tracker is unknown or not installed.
    """
    check_trackers(trackers)
    return Accelerator(
        mixed_precision="no",
        # Without a GPU, Accelerate joins several processes only if it is told to use the CPU.
        cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
        log_with=list(trackers) or None,
        project_config=ProjectConfiguration(project_dir=str(folder), logging_dir=str(folder / "tensorboard")),
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )
