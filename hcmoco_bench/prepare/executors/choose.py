"""The executors by name."""

from __future__ import annotations

from hcmoco_bench.errors import UsageError
from hcmoco_bench.prepare.executors.dask_cluster import DaskExecutor
from hcmoco_bench.prepare.executors.local import LocalExecutor
from hcmoco_bench.runtime.processes import usable_cores
from hcmoco_bench.store.executor import Executor

EXECUTORS = ("local", "dask")


def make_executor(name: str, *, workers: int | None = None, scheduler: str | None = None) -> Executor:
    """Make an executor.

    Args:
        name: `local` or `dask`.
        workers: Processes; None for as many as this process may use cores. Not for a given scheduler.
        scheduler: Address of a running Dask scheduler, e.g. `tcp://10.0.0.1:8786`; `dask` only.

    Raises:
        UsageError: For an unknown name or options that do not go together.
    """
    if name not in EXECUTORS:
        raise UsageError(f"--executor {name}: there are {', '.join(EXECUTORS)}")
    if workers is not None and workers < 1:
        raise UsageError(f"--workers {workers}: at least one worker is needed")
    if name == "local":
        if scheduler is not None:
            raise UsageError("--scheduler goes with --executor dask")
        return LocalExecutor(workers or usable_cores())
    if scheduler is not None and workers is not None:
        raise UsageError("--workers is for clusters started here; the cluster at --scheduler has its own")
    return DaskExecutor(scheduler, workers or usable_cores())
