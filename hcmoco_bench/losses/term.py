"""The value of one objective, with its accuracy and the number of anchors behind it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from hcmoco_bench.runtime.ranks import sum_over_ranks, world_size


@dataclass(frozen=True)
class LossTerm:
    """One objective over the batch.

    Attributes:
        value: () float32, differentiable; exactly 0, and still attached to its inputs, if there was nothing to learn.
        accuracy: () float32 in 0..1, share of anchors whose positive ranks first among their candidates (ties count);
            nan if there was no anchor. Without gradient.
        count: () float32, number of anchors behind the value.
    """

    value: Tensor
    accuracy: Tensor
    count: Tensor


def mean_term(losses: Tensor, first: Tensor, counted: Tensor, *, divisor: Tensor | None = None) -> LossTerm:
    """Average the losses of the anchors that count, over the whole batch, on however many ranks it lies.

    Value, accuracy and count are the same on each rank. The gradient is this rank's share times the number of ranks, so
    that the mean of the ranks' gradients, which DistributedDataParallel takes, is the gradient of the value; ranks may
    hold different numbers of anchors.

    Args:
        losses: (n,) loss of each anchor of this rank; what does not count may be anything finite.
        first: (n,) bool, whether the anchor's positive ranks first.
        counted: (n,) bool.
        divisor: () what this rank adds to the number that the sum is divided by; default: its anchors that count.
    """
    total = torch.where(counted, losses, 0.0).sum()
    count = counted.sum()
    local = torch.stack([total.detach(), (first & counted).sum(), count, count if divisor is None else divisor])
    loss_sum, n_first, n_anchors, over = sum_over_ranks(local.float())
    value = total * (world_size() / over.clamp(min=1))
    if world_size() > 1:
        value = value + (loss_sum / over.clamp(min=1) - value.detach())
    return LossTerm(value, n_first / n_anchors, n_anchors)
