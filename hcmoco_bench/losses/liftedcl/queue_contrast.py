"""InfoNCE of queries, each against its own key and the keys of a queue."""

from __future__ import annotations

from typing import Any, Final

import torch
from torch import Tensor

_FLOATS: Final = {"cpu": 1 << 22, "gpu": 1 << 28}
"""Logits that exist at a time: few enough for a processor's cache, enough for a GPU to be busy."""


def queue_logits(queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float) -> Tensor:
    """(N, 1 + K) similarities over the temperature: the own key first, then the queue's.

    Args:
        queries: (N, C) unit vectors.
        keys: (N, C) unit vectors, the positives.
        queue: (K, C) unit vectors, the negatives.
        temperature: Divides the similarities.
    """
    positive = (queries * keys).sum(dim=1, keepdim=True)
    return torch.cat([positive, queries @ queue.T], dim=1) / temperature


def queue_losses(queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float) -> tuple[Tensor, Tensor]:
    """Cross entropy of each query's own key among the keys of the queue.

    The cross entropy of `queue_logits` with label 0, of a few queries at a time: each leaves the gradient of its loss
    at once, so that for 16,384 cells and 65,536 keys nothing of that size (4 GB) waits for the backward pass. In
    float32 also under autocast. There is no gradient to keys and queue, and no second derivative.

    Args:
        queries: (N, C) unit vectors, or zeros.
        keys: (N, C) the same; the positives.
        queue: (K, C) unit vectors, the negatives.
        temperature: Divides the similarities.

    Returns:
        losses: (N,) float32, differentiable in `queries`.
        first: (N,) bool, whether no key of the queue is more similar than the own one.
    """
    with torch.autocast(queries.device.type, enabled=False):
        losses, first = _QueueContrast.apply(queries.float(), keys.float(), queue, temperature)
    return losses, first


class _QueueContrast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, queries: Tensor, keys: Tensor, queue: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
        losses = queries.new_empty(len(queries))
        first = torch.empty(len(queries), dtype=torch.bool, device=queries.device)
        gradient = torch.empty_like(queries)
        kind = "cpu" if queries.device.type == "cpu" else "gpu"
        step = max(1, _FLOATS[kind] // (1 + len(queue)))
        for start in range(0, len(queries), step):
            some = slice(start, start + step)
            logits = queue_logits(queries[some], keys[some], queue, temperature=temperature)
            first[some] = logits[:, 0] >= logits[:, 1:].amax(dim=1)
            normalizer = logits.logsumexp(dim=1, keepdim=True)
            losses[some] = normalizer[:, 0] - logits[:, 0]
            weights = logits.sub_(normalizer).exp_()
            gradient[some] = weights[:, 1:] @ queue + (weights[:, :1] - 1) * keys[some]
        ctx.save_for_backward(gradient.div_(temperature))
        ctx.mark_non_differentiable(first)
        return losses, first

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradients[0][:, None] * gradient, None, None, None
