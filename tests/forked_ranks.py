"""Processes for tests of several ranks: a server imports what they need once and forks, which takes milliseconds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.context import ForkServerContext
from typing import Any, Final

import pytest
import torch.multiprocessing

SHARED_SERVER: Final = pytest.mark.xdist_group("ranks")
"""Mark of tests that start such processes: one worker runs them all, so that one server is enough."""

IMPORTED: Final = ["pytest", "hcmoco_bench.pretrain.run", "hcmoco_bench.losses", "hcmoco_bench.metrics.densepose"]


def fork_server() -> ForkServerContext:
    """Starts processes that have everything imported."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    return context


def run_ranks(work: Callable[..., None], *args: Any, ranks: int) -> None:
    """Call `work(rank, *args)` in so many processes, and wait; an exception in one is raised here."""
    fork_server()
    torch.multiprocessing.start_processes(work, args, nprocs=ranks, start_method="forkserver")
