"""Batches of a mixture of stores for the training loop: by epoch, from any position in it."""

from __future__ import annotations

from collections.abc import Iterator

from hcmoco_bench.data.batch import Batch
from hcmoco_bench.data.loader import make_loader
from hcmoco_bench.data.mixing import MixedDataset, MixedSampler
from hcmoco_bench.errors import UsageError


class MixedBatches:
    """This process's batches.

    Args:
        dataset: The mixture.
        batch_size: Samples a step, over all processes and accumulated batches.
        accumulate: Batches of a process that make a step; an epoch is cut to whole steps.
        rank: Number of this process.
        world_size: Number of processes.
        workers: Loading processes.
        seed: Of the draws.
        pin_memory: Whether batches go to a GPU.

    Raises:
        UsageError: If the batch cannot be divided, or an epoch is smaller than a step.
    """

    def __init__(
        self,
        dataset: MixedDataset,
        *,
        batch_size: int,
        accumulate: int = 1,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        seed: int = 0,
        pin_memory: bool = False,
    ) -> None:
        parts = world_size * accumulate
        if batch_size % parts:
            raise UsageError(
                f"a batch of {batch_size} cannot be divided among {world_size} processes and {accumulate} accumulated "
                f"batches; use a multiple of {parts} (--batch-size)"
            )
        steps = len(dataset) // batch_size
        if steps == 0:
            raise UsageError(
                f"a batch of {batch_size} is larger than the data ({len(dataset)} samples); use a smaller --batch-size"
            )
        self.dataset = dataset
        self.sampler = MixedSampler(
            dataset.lengths,
            batch_size=batch_size // parts,
            rank=rank,
            world_size=world_size,
            seed=seed,
            draws=steps * batch_size,
        )
        self.loader = make_loader(
            dataset, self.sampler, batch_size=batch_size // parts, workers=workers, pin_memory=pin_memory
        )

    @property
    def batches_per_epoch(self) -> int:
        """Batches of this process in an epoch."""
        return self.sampler.steps_per_epoch

    def batches(self, epoch: int, start: int) -> Iterator[Batch]:
        """The batches of an epoch, without the first `start`; those are not read either."""
        self.sampler.epoch, self.sampler.position = epoch, start
        return iter(self.loader)
