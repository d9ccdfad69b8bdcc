"""InfoNCE of anchors against candidate rows of a bank, without ever holding the rows of all anchors."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_BUFFER = {"cpu": 1 << 21, "gpu": 1 << 26}
"""Floats that are gathered or multiplied at once: a processor's cache (8 MB), or enough work for a GPU (256 MB)."""

_DENSE_UP_TO = 3
"""The bank is multiplied as a whole if it has at most this many times the candidates of an anchor: measured on CPU."""


def bank_contrast(
    anchors: Tensor, bank: Tensor, candidates: Tensor, *, temperature: float, dense: bool | None = None
) -> tuple[Tensor, Tensor]:
    """Cross entropy of each anchor's first candidate among all its candidates.

    Logits are `anchor . bank[candidate] / temperature`. Nothing of the size (batch, candidates, dim) ever exists:
    anchors go through a few at a time, and each leaves the gradient of its loss at once, so that nothing but a
    (modalities, batch, dim) tensor waits for the backward pass. In float32 also under autocast. There is no gradient
    to the bank, and no second derivative.

    Two ways to the same result: gather the rows of a few anchors (cost: candidates), or multiply all anchors with
    slices of the bank and weigh each row by how often it was drawn (cost: rows of the bank; cheaper for small ones).

    Args:
        anchors: (M, B, D) anchors of M modalities that share the candidates; unit vectors.
        bank: (N, D) float32.
        candidates: (B, 1 + K) int64, rows of the bank, the positive first; rows may repeat, the positive's too.
        temperature: Divides the similarities.
        dense: Which way; None: the cheaper one.

    Returns:
        losses: (M, B) float32, differentiable in `anchors`.
        first: (M, B) bool, whether no other row drawn is more similar than the positive.
    """
    if dense is None:
        dense = len(bank) <= _DENSE_UP_TO * candidates.shape[1]
    with torch.autocast(anchors.device.type, enabled=False):
        losses, first = _BankContrast.apply(anchors.float(), bank, candidates, temperature, dense)
    return losses, first


class _BankContrast(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, anchors: Tensor, bank: Tensor, candidates: Tensor, temperature: float, dense: bool
    ) -> tuple[Tensor, Tensor]:
        way = _multiply if dense else _gather
        losses, first, gradient = way(anchors / temperature, bank, candidates)
        ctx.save_for_backward(gradient.div_(temperature))
        ctx.mark_non_differentiable(first)
        return losses, first

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradients[0][:, :, None] * gradient, None, None, None, None


def _buffer_floats(device: torch.device) -> int:
    return _BUFFER["cpu" if device.type == "cpu" else "gpu"]


def _gather(anchors: Tensor, bank: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Losses, whether first, and gradients; `anchors` are divided by the temperature."""
    n_modalities, batch, dim = anchors.shape
    n_candidates = candidates.shape[1]
    losses = anchors.new_empty(n_modalities, batch)
    first = torch.empty_like(losses, dtype=torch.bool)
    gradient = torch.empty_like(anchors)
    step = max(1, min(batch, _buffer_floats(anchors.device) // (n_candidates * dim)))
    memory = bank.new_empty(step * n_candidates, dim)
    for start in range(0, batch, step):
        some = slice(start, min(start + step, batch))
        drawn = candidates[some]
        buffer = memory[: drawn.numel()]
        torch.index_select(bank, 0, drawn.flatten(), out=buffer)
        rows = buffer.view(len(drawn), n_candidates, dim)
        logits = torch.bmm(anchors[:, some].transpose(0, 1), rows.transpose(1, 2))
        other = drawn != drawn[:, :1]
        rival = torch.where(other[:, None], logits, -torch.inf).amax(2)
        normalizer = logits.logsumexp(2, keepdim=True)
        losses[:, some] = (normalizer[..., 0] - logits[..., 0]).T
        first[:, some] = (logits[..., 0] >= rival).T
        weights = logits.sub_(normalizer).exp_()
        weights[..., 0] -= 1
        gradient[:, some] = torch.bmm(weights, rows).transpose(0, 1)
    return losses, first, gradient


def _multiply(anchors: Tensor, bank: Tensor, candidates: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """As `_gather`: a running softmax over slices of the bank."""
    n_modalities, batch, dim = anchors.shape
    own = candidates[:, :1]
    times = torch.zeros(batch, len(bank), dtype=torch.int32, device=bank.device)
    times.scatter_add_(1, candidates, torch.ones_like(candidates, dtype=torch.int32))
    times_own = times.gather(1, own)
    times.scatter_(1, own, 0)  # the positive is counted apart, so that it is no rival of its own
    positive_rows = bank[own[:, 0]]
    positive = (anchors * positive_rows).sum(2, keepdim=True)
    largest, rival = positive.clone(), torch.full_like(positive, -torch.inf)
    normalizer = times_own.expand(n_modalities, -1, -1).to(positive)
    gradient = normalizer * positive_rows
    step = max(1, _buffer_floats(anchors.device) // max(1, n_modalities * batch))
    for start in range(0, len(bank), step):
        rows, drawn = bank[start : start + step], times[:, start : start + step]
        logits = (anchors.reshape(-1, dim) @ rows.T).view(n_modalities, batch, len(rows))
        logits.masked_fill_(drawn == 0, -torch.inf)
        rival = torch.maximum(rival, logits.amax(2, keepdim=True))
        risen = torch.maximum(largest, rival)
        shrink = (largest - risen).exp_()
        weights = logits.sub_(risen).exp_().mul_(drawn)
        normalizer = normalizer * shrink + weights.sum(2, keepdim=True)
        gradient = gradient * shrink + (weights.view(-1, len(rows)) @ rows).view(anchors.shape)
        largest = risen
    losses = largest + normalizer.log() - positive
    return losses[..., 0], (positive >= rival)[..., 0], gradient / normalizer - positive_rows
