"""InfoNCE between modalities with the rest of the batch as negatives: MMV's objective, and one without memory banks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations

import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses.term import LossTerm, mean_term
from hcmoco_bench.runtime.ranks import first_own_row, gather_rows_with_gradient


def in_batch_loss(a: Tensor, b: Tensor, present: Tensor, *, temperature: float = 0.07) -> LossTerm:
    """Contrast two embeddings of each sample with those of the rest of the batch, both ways.

    The NCE of MMV (https://arxiv.org/abs/2006.16228, Eq. 1), a baseline of HCMoCo: the negatives of a sample are the
    other samples of the batch. Samples that lack a modality are neither anchors nor negatives.

    Under `torch.distributed` the batch is that of all ranks, with gradients.

    Args:
        a: (B, D) embeddings of one modality, normalized here.
        b: (B, D) embeddings of the other.
        present: (B,) bool, samples that have both.
        temperature: Divides the cosine similarities; MMV has 0.07.

    Returns:
        The mean over both directions' anchors; the share of them that find their partner; their number. A sample that
        is alone in the batch is no anchor: there is nothing to tell it from.

    Example:
        >>> a, b = torch.randn(2, 8, 256, requires_grad=True)
        >>> in_batch_loss(a, b, torch.ones(8, dtype=torch.bool)).value.backward()
    """
    ways = [_one_way(*pair, present, temperature) for pair in ((a, b), (b, a))]
    return mean_term(*(torch.cat(parts) for parts in zip(*ways, strict=True)))


def in_batch_sample_level(
    embeddings: Mapping[str, Tensor], present: Mapping[str, Tensor], *, temperature: float = 0.07
) -> dict[str, LossTerm]:
    """The sample-level objective (`SampleLevelLoss`) with the batch itself in place of the memory banks.

    Eq. 2 of HCMoCo (https://arxiv.org/abs/2203.13815), where the candidates of an anchor are the embeddings that this
    very step gives to the samples of its batch: fewer than a bank has, but none of them out of date, and with
    gradients. With banks that hold just these rows, values are the same.

    Under `torch.distributed` the batch is that of all ranks, with gradients.

    Args:
        embeddings: By modality, (B, D) embeddings; what is absent may be anything.
        present: By modality, (B,) bool. A pair counts for the samples that have both.
        temperature: Divides the cosine similarities.

    Returns:
        A term for each directed pair, `rgb->depth` for an RGB anchor among depth embeddings. A sample that is alone in
        the batch is no anchor: there is nothing to tell it from.
    """
    terms = {}
    for anchor, target in permutations(embeddings, 2):
        both = present[anchor] & present[target]
        terms[f"{anchor}->{target}"] = mean_term(*_one_way(embeddings[anchor], embeddings[target], both, temperature))
    return terms


def _one_way(anchors: Tensor, partners: Tensor, present: Tensor, temperature: float) -> tuple[Tensor, Tensor, Tensor]:
    """Of the n samples that are present: cross entropies, whether the partner comes first, whether they count."""
    with torch.autocast(anchors.device.type, enabled=False):
        anchors, partners = (functional.normalize(one[present].float(), dim=1) for one in (anchors, partners))
        logits = anchors @ gather_rows_with_gradient(partners).T / temperature
        own = first_own_row(len(anchors), anchors.device) + torch.arange(len(anchors), device=anchors.device)
        positive = logits.gather(1, own[:, None])[:, 0]
        first = positive >= logits.amax(1) if logits.numel() else torch.zeros_like(own, dtype=torch.bool)
        return logits.logsumexp(1) - positive, first, torch.full_like(first, logits.shape[1] > 1)
