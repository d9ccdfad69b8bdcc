"""Batches of a task's data, for training and for scoring, and the share held out for choosing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from hcmoco_bench.data.loader import make_loader_with
from hcmoco_bench.errors import UsageError
from hcmoco_bench.pretrain.loading import MixedBatches
from hcmoco_bench.runtime.ranks import own_share
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.training.objective import LoopBatch


def training_batches(
    data: TaskData, config: FinetuneSettings, *, rank: int, processes: int, pin_memory: bool
) -> MixedBatches[LoopBatch]:
    """This process's batches for the loop; data smaller than a step is drawn again to fill it."""
    return MixedBatches(
        data.dataset,
        data.mixture or (len(data),),
        data.collate,
        batch_size=config.batch_size,
        accumulate=config.accumulate,
        rank=rank,
        world_size=processes,
        workers=config.workers,
        seed=config.seed,
        pin_memory=pin_memory,
        repeat=True,
    )


def evaluation_batches(data: TaskData, config: FinetuneSettings, device: torch.device) -> Iterator[Any]:
    """This process's share of a split, every row once, in order, as batches on the device."""
    loader = make_loader_with(
        data.collate,
        data.dataset,
        own_share(len(data)),
        batch_size=config.eval_batch_size,
        workers=config.workers,
        pin_memory=device.type == "cuda",
    )
    for batch in loader:
        yield batch.to(device)


def hold_out(data: TaskData, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Split rows into those to train on and those to choose an epoch on; a group is never on both sides.

    Args:
        data: Training data of one data set.
        share: Share of the rows to hold out, roughly: at least one group, and never all of them.
        seed: Seed that decides which groups.

    Raises:
        UsageError: If there are fewer than two groups, or the data is a mixture.
    """
    groups = np.array(data.groups if data.groups is not None else data.ids)
    names = np.unique(groups)
    if len(names) < 2 or data.mixture is not None:
        raise UsageError(
            f"{data.name}, {data.split}: cannot hold out a share for choosing, "
            + ("it is a mixture" if data.mixture is not None else f"all rows belong to one group ({names[0]})")
            + "; leave validation_share out"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.array([(groups == names[i]).sum() for i in order])
    wanted = max(1, min(len(names) - 1, int(np.searchsorted(np.cumsum(sizes), share * len(groups)) + 1)))
    held = np.isin(groups, names[order[:wanted]])
    return np.flatnonzero(~held).tolist(), np.flatnonzero(held).tolist()
