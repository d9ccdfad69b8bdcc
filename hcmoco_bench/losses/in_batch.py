"""In-batch InfoNCE between two modalities, the objective of MMV."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses.term import LossTerm, mean_term
from hcmoco_bench.ranks import first_own_row, gather_rows_with_gradient


def in_batch_loss(a: Tensor, b: Tensor, present: Tensor, *, temperature: float = 0.07) -> LossTerm:
    """Contrast two embeddings of each sample with those of the rest of the batch, both ways.

    The NCE of MMV (https://arxiv.org/abs/2006.16228, Eq. 1), a baseline of HCMoCo: the negatives of a sample are the
    other samples of the batch. Samples that lack a modality are neither anchors nor negatives.

    Under `torch.distributed` the batch is that of all ranks, with gradients.

    Args:
        a: (B, D) embeddings of one modality, normalised here.
        b: (B, D) embeddings of the other.
        present: (B,) bool, samples that have both.
        temperature: Divides the cosine similarities; MMV has 0.07.

    Returns:
        The mean over both directions' anchors; the share of them that find their partner; their number.

    Example:
        >>> a, b = torch.randn(2, 8, 256, requires_grad=True)
        >>> in_batch_loss(a, b, torch.ones(8, dtype=torch.bool)).value.backward()
    """
    with torch.autocast(a.device.type, enabled=False):
        a, b = (functional.normalize(one[present].float(), dim=1) for one in (a, b))
        own = first_own_row(len(a), a.device) + torch.arange(len(a), device=a.device)
        losses, first = [], []
        for anchors, partners in ((a, b), (b, a)):
            logits = anchors @ gather_rows_with_gradient(partners).T / temperature
            positive = logits.gather(1, own[:, None])[:, 0]
            losses.append(logits.logsumexp(1) - positive)
            first.append(positive >= logits.amax(1) if logits.numel() else torch.zeros_like(own, dtype=torch.bool))
        hits = torch.cat(first)
        return mean_term(torch.cat(losses), hits, torch.ones_like(hits))
