"""The process's device among the processes of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, ProjectConfiguration

from hcmoco_bench.training.trackers import check_trackers

_CONFIGURATION: Final = ("ACCELERATE_", "FSDP_", "MEGATRON_LM_", "PARALLELISM_CONFIG_")
"""Beginnings of the variables with which `accelerate launch` hands on a user's configuration."""

_OF_PROCESSES: Final = frozenset(
    {"ACCELERATE_USE_CPU", "ACCELERATE_TORCH_DEVICE", "ACCELERATE_DEBUG_MODE", "ACCELERATE_CPU_AFFINITY"}
)
"""Those of them that say where a process runs, and not how it computes."""


def make_accelerator(folder: Path, trackers: Sequence[str] = ()) -> Accelerator:
    """The process's Accelerator for a run in a folder; under `accelerate launch` or `torchrun` one of many.

    Precision is left to the loop, and gradients of parameters that a batch does not reach (no depth in it) are allowed
    for. Of the user's Accelerate configuration, processes and devices count alone: its compilation, accumulation,
    precision and sharding would change the run, and only the run's own settings may do that.

    Raises:
        UsageError: If a tracker is unknown or not installed.
    """
    check_trackers(trackers)
    with _without_configuration():
        return Accelerator(
            mixed_precision="no",
            # Without a GPU, Accelerate joins several processes only if it is told to use the CPU.
            cpu=not (torch.cuda.is_available() or torch.backends.mps.is_available()),
            log_with=list(trackers) or None,
            project_config=ProjectConfiguration(project_dir=str(folder), logging_dir=str(folder / "tensorboard")),
            kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
        )


@contextmanager
def _without_configuration() -> Iterator[None]:
    hidden = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(_CONFIGURATION) and name not in _OF_PROCESSES
    }
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
