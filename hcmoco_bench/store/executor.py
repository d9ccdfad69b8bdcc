"""What an executor is: something that writes shards and says which are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar


class Task(Protocol):
    """All that a worker needs for one shard; picklable."""

    @property
    def file(self) -> str:
        """File name of the shard, which names the task."""
        ...


TaskT = TypeVar("TaskT", bound=Task)
Work = Callable[[TaskT], int]
"""What is done with a task, such as `write_shard`: a module-level function, so that every process can import it."""


class Executor(Protocol):
    """Runs shard tasks in any order, each at least once; a task that is run twice writes the same bytes."""

    def run(self, work: Work[TaskT], tasks: Sequence[TaskT]) -> Iterator[int]:
        """Do the work of each task; yield its result (the samples dealt with) as each one finishes.

        The first error is raised after work that has not begun was called off.

        Raises:
            StoreError: If a shard cannot be written or workers keep dying.
        """
        ...
