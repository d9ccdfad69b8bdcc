"""Batches of a mixture of stores for the training loop: by epoch, from any position in it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Generic

from torch.utils.data import Dataset

from hcmoco_bench.data.loader import AnyBatch, make_loader_with
from hcmoco_bench.data.mixing import MixedSampler
from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.run_problems import RunProblems


class MixedBatches(Generic[AnyBatch]):
    """This process's batches.

    Args:
        dataset: Gives the sample of a draw; a mixture, or one data set.
        lengths: Rows of each data set of the mixture.
        stack: Makes a batch of that many samples.
        batch_size: Samples a step, over all processes and accumulated batches.
        accumulate: Batches of a process that make a step; an epoch is cut to whole steps.
        rank: Number of this process.
        world_size: Number of processes.
        workers: Loading processes.
        seed: Of the draws.
        pin_memory: Whether batches go to a GPU.
        repeat: Let an epoch of fewer samples than a step draw some of them again, instead of an error.
        problems: Where the problem lines of batches are kept.

    Raises:
        UsageError: If the batch cannot be divided, or an epoch is smaller than a step.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        lengths: Sequence[int],
        stack: Callable[[Iterable[Any], int], AnyBatch],
        *,
        batch_size: int,
        accumulate: int = 1,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        seed: int = 0,
        pin_memory: bool = False,
        repeat: bool = False,
        problems: RunProblems | None = None,
    ) -> None:
        parts = world_size * accumulate
        if batch_size % parts:
            raise UsageError(
                f"a batch of {batch_size} cannot be divided among {world_size} processes and {accumulate} accumulated "
                f"batches; use a multiple of {parts} (--batch-size)"
            )
        steps = sum(lengths) // batch_size
        if steps == 0 and not repeat:
            raise UsageError(
                f"a batch of {batch_size} is larger than the data ({sum(lengths)} samples); use a smaller --batch-size"
            )
        self.dataset, self.problems = dataset, problems
        self.sampler = MixedSampler(
            lengths,
            batch_size=batch_size // parts,
            rank=rank,
            world_size=world_size,
            seed=seed,
            draws=max(1, steps) * batch_size,
        )
        self.loader = make_loader_with(
            stack, dataset, self.sampler, batch_size=batch_size // parts, workers=workers, pin_memory=pin_memory
        )

    @property
    def batches_per_epoch(self) -> int:
        """Batches of this process in an epoch."""
        return self.sampler.steps_per_epoch

    def batches(self, epoch: int, start: int) -> Iterator[AnyBatch]:
        """The batches of an epoch, without the first `start`; those are not read either."""
        self.sampler.epoch, self.sampler.position = epoch, start
        for batch in self.loader:
            if self.problems is not None:
                self.problems.add(getattr(batch, "problems", ()))
            yield batch
