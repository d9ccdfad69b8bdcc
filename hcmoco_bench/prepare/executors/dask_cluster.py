"""Shards by a Dask cluster: one that is running, or one started here."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.store.executor import TaskT, Work

CONNECT_SECONDS = 30
"""How long to wait for a scheduler's answer."""


@dataclass(frozen=True)
class DaskExecutor:
    """Submits each shard to a Dask cluster.

    The roots and the store must be reachable under the same paths for every worker (a shared file system), and this
    package must be installed there in the same version. A worker that dies does not fail the run: its shard goes to
    another one.

    Attributes:
        scheduler: Address of a running scheduler; None to start a cluster of processes on this machine.
        workers: Processes of a cluster started here.
    """

    scheduler: str | None
    workers: int

    def run(self, work: Work[TaskT], tasks: Sequence[TaskT]) -> Iterator[int]:
        """See `Executor.run`."""
        try:
            import distributed
        except ImportError as error:
            raise UsageError("--executor dask needs Dask: pip install 'hcmoco-bench[dask]'") from error
        with ExitStack() as stack:
            client = self._connect(distributed, stack)
            name = f"hcmoco-bench-{secrets.token_hex(4)}"
            futures = [client.submit(_one_thread, work, task, key=f"{name}-{task.file}") for task in tasks]
            try:
                for future in distributed.as_completed(futures):
                    result: int = future.result()
                    yield result
            except distributed.KilledWorker as error:
                raise StoreError(
                    f"Dask workers died again and again over one shard ({error}); look at their logs (out of memory?), "
                    "then run the same command again to continue"
                ) from error
            except (OSError, distributed.CancelledError) as error:
                raise StoreError(
                    f"the connection to the Dask cluster was lost ({error}); run the same command again to continue"
                ) from error

    def _connect(self, distributed: Any, stack: ExitStack) -> Any:
        if self.scheduler is None:
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=self.workers, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0"
                )
            )
            return stack.enter_context(distributed.Client(cluster))
        try:
            return stack.enter_context(distributed.Client(self.scheduler, timeout=CONNECT_SECONDS))
        except (OSError, TimeoutError, ValueError) as error:
            raise UsageError(
                f"--scheduler {self.scheduler}: no Dask scheduler answers there ({error}); give an address such as "
                "tcp://host:8786"
            ) from error


def _one_thread(work: Work[TaskT], task: TaskT) -> int:
    import cv2

    cv2.setNumThreads(1)  # the cluster decides how many shards a machine works on; OpenCV must not multiply that
    return work(task)
