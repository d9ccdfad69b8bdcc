"""Processes for tests: a server imports what they need once and forks, which takes milliseconds instead of seconds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any, Final

import torch.multiprocessing

IMPORTED: Final = [
    "pytest",
    "matplotlib.pyplot",
    "hcmoco_bench.pretrain.run",
    "hcmoco_bench.losses",
    "hcmoco_bench.metrics.densepose",
    "hcmoco_bench.prepare.ntu",
    "hcmoco_bench.tasks.core.finetune",
    "hcmoco_bench.cli.app",
]


def fork_server() -> ForkServerContext:
    """Starts processes that have everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def run_ranks(work: Callable[..., None], *args: Any, ranks: int) -> None:
    """Call `work(rank, *args)` in so many processes, and wait; an exception in one is raised here."""
    fork_server()
    torch.multiprocessing.start_processes(work, args, nprocs=ranks, start_method="forkserver")
