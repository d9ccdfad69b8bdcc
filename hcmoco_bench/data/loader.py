"""Batches of a data set from worker processes; the batches do not depend on the number of workers."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar, cast

import cv2
import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from hcmoco_bench.data.batch import Batch, collate
from hcmoco_bench.data.mixing import MixedSampler
from hcmoco_bench.data.sample import Draw, Sample
from hcmoco_bench.errors import HcmocoBenchError

AnyBatch = TypeVar("AnyBatch")

PREFETCH = 2
"""Number of batches that each worker prepares ahead."""


class BatchLoader(DataLoader[Any], Generic[AnyBatch]):
    """A `DataLoader` of one type of batch that tells its `MixedSampler` which batches were delivered.

    A batch counts as delivered when the loop body for it begins; after the last batch the sampler is at the next epoch.
    """

    def __iter__(self) -> Iterator[AnyBatch]:  # type: ignore[override]  # the base promises its own iterator class
        batches: Iterator[AnyBatch] = super().__iter__()
        sampler = self.sampler if isinstance(self.sampler, MixedSampler) else None
        for batch in batches:
            if isinstance(batch, _Failure):
                raise batch.error
            if sampler is not None:
                sampler.advance()
            yield batch
        if sampler is not None:
            sampler.end_epoch()


def make_loader(
    dataset: Dataset[Sample],
    sampler: MixedSampler | Sequence[int | Draw] | None = None,
    *,
    batch_size: int,
    workers: int = 0,
    pin_memory: bool = False,
) -> BatchLoader[Batch]:
    """Make a loader of pre-training samples; see `make_loader_with` for the arguments and errors."""
    return make_loader_with(collate, dataset, sampler, batch_size=batch_size, workers=workers, pin_memory=pin_memory)


def make_loader_with(
    stack: Callable[[Iterable[Any], int], AnyBatch],
    dataset: Dataset[Any],
    sampler: MixedSampler | Sequence[int | Draw] | None = None,
    *,
    batch_size: int,
    workers: int = 0,
    pin_memory: bool = False,
) -> BatchLoader[AnyBatch]:
    """Make a loader.

    Args:
        stack: Makes a batch from an iterable of samples and their number. It must support pickling.
        dataset: A data set of this package or a mixture.
        sampler: The draws. With a `MixedSampler` all batches are complete; otherwise the last one may be smaller. None
            takes every row in order.
        batch_size: Samples per batch; must equal that of the sampler.
        workers: Number of processes that prepare batches, each with one thread; 0 prepares them in this process.
            Workers live as long as the loader.
        pin_memory: Put batches into page-locked memory, from which copies to a GPU are asynchronous.

    Raises:
        ValueError: If the batch size differs from that of the sampler.
    """
    mixed = isinstance(sampler, MixedSampler)
    if isinstance(sampler, MixedSampler) and sampler.batch_size != batch_size:
        raise ValueError(f"the sampler was made for batches of {sampler.batch_size}, not of {batch_size}")
    return BatchLoader(
        _OneByOne(dataset),
        batch_size=batch_size,
        sampler=sampler,
        drop_last=mixed,
        collate_fn=partial(_stack, stack),  # receives what __getitems__ returns
        num_workers=workers,
        pin_memory=pin_memory,
        worker_init_fn=_start_worker if workers else None,
        persistent_workers=workers > 0,
        prefetch_factor=PREFETCH if workers else None,
        # Forking a process with threads (OpenCV, Arrow, CUDA) can deadlock.
        multiprocessing_context=multiprocessing.get_context("spawn") if workers else None,
        # A generator of its own, so that loading does not advance the random state of training.
        generator=torch.Generator().manual_seed(0),
    )


class _OneByOne(Dataset[Any]):
    """Yields the samples of a batch while they are stacked, so that no batch is in memory twice."""

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(cast(Sized, self.dataset))

    def __getitems__(self, keys: Sequence[int | Draw]) -> tuple[int, Iterator[Any]]:
        return len(keys), (self.dataset[key] for key in keys)


@dataclass(frozen=True)
class _Failure:
    """An error of a loading process on its way to the main one; PyTorch would make a traceback of its sentence."""

    error: Exception


def _stack(stack: Callable[[Iterable[Any], int], AnyBatch], samples: tuple[int, Iterator[Any]]) -> AnyBatch | _Failure:
    """The batch of some samples, which are read here, one by one."""
    try:
        return stack(samples[1], samples[0])
    except (HcmocoBenchError, OSError) as error:
        if get_worker_info() is None:
            raise
        return _Failure(error)


def _start_worker(worker: int) -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
