"""Worker processes that behave: one thread each, quiet at Ctrl-C, and gone when the process that started them is."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor


def usable_cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """A pool of freshly started processes, each set up by `start_worker`.

    Processes are spawned: a fork of a process with threads (OpenCV, Arrow, a progress bar) can hang.
    """
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=start_worker)


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
