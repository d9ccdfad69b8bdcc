"""Shards by processes of this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from hcmoco_bench.errors import StoreError
from hcmoco_bench.runtime.processes import starting_workers, worker_pool
from hcmoco_bench.store.executor import TaskT, Work

RESTARTS = 2
"""How often a pool is started again after one of its processes died."""


@dataclass(frozen=True)
class LocalExecutor:
    """A pool of processes; with one worker the work is done in this process.

    A process that dies (killed, out of memory) takes the pool with it; it is started again, at most `RESTARTS` times,
    and continues with the shards that are not finished. When this process dies, its workers end within moments.

    Attributes:
        workers: Number of processes, each holding well under 1 GiB.
    """

    workers: int

    def run(self, work: Work[TaskT], tasks: Sequence[TaskT]) -> Iterator[int]:
        """See `Executor.run`."""
        if self.workers == 1:
            yield from map(work, tasks)
            return
        left = {task.file: task for task in tasks}
        for attempt in range(RESTARTS + 1):
            try:
                yield from self._run_pool(work, left)
                return
            except BrokenProcessPool as error:
                if attempt == RESTARTS:
                    raise StoreError(
                        f"worker processes died {attempt + 1} times (killed, or out of memory?) with {len(left)} "
                        "shards left; run the same command again to continue, with fewer --workers if memory was short"
                    ) from error

    def _run_pool(self, work: Work[TaskT], left: dict[str, TaskT]) -> Iterator[int]:
        """Work off `left`, removing what is done."""
        pool = worker_pool(max(1, min(self.workers, len(left))))
        try:
            waiting = iter(list(left.values()))
            running: dict[Future[int], str] = {}
            while True:
                # A short queue: an error stops the run at once, and memory does not grow with the number of shards.
                while len(running) < 2 * self.workers and (task := next(waiting, None)) is not None:
                    with starting_workers():
                        running[pool.submit(work, task)] = task.file
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    result = future.result()
                    del left[running.pop(future)]
                    yield result
        except BaseException:
            # On an error or Ctrl-C nobody waits for shards in the making: they are started anew by the next run.
            for process in list((pool._processes or {}).values()):
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
