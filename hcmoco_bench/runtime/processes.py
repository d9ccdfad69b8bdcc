"""Worker processes that behave: one thread each, quiet at Ctrl-C, and gone when the process that started them is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of freshly started processes, each set up by `start_worker`.

    Submit work within `starting_workers`. Processes are spawned: a fork of a process with threads (OpenCV, Arrow, a
    progress bar) can hang.
    """
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=start_worker)


@contextmanager
def starting_workers() -> Iterator[None]:
    """Put this around submitting work: a Ctrl-C in it comes a moment later, and not to workers that are just starting.

    A pool starts its processes when work is submitted; they inherit that the signal is held back, until `start_worker`
    has it ignored.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def start_worker() -> None:
    """Set this worker process up: OpenCV on one thread, Ctrl-C left to the parent, and an end when the parent ends."""
    import cv2

    cv2.setNumThreads(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    # A parent that is killed cannot tell its pool; without this, workers would wait for work for ever.
    parent.join()
    os._exit(1)
