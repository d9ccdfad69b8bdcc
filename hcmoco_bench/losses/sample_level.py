"""Sample-level modality-invariant objective: a sample's embedding finds its partner of another modality."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hcmoco_bench.losses.bank_contrast import bank_contrast
from hcmoco_bench.losses.memory_bank import MemoryBank
from hcmoco_bench.losses.term import LossTerm, mean_term


class SampleLevelLoss:
    """InfoNCE of each embedding against the memory banks of the other modalities.

    Eq. 2 of HCMoCo (https://arxiv.org/abs/2203.13815), which is CMC (https://arxiv.org/abs/1906.05849) with three
    modalities. For a directed pair `a->b`, each sample's embedding of `a` is the anchor; the positive is the same
    sample's row in the bank of `b`, and K further rows of it are the negatives. They are drawn uniformly and with
    replacement from all rows, anew for every sample and step, and shared by the pairs, as published; the sample's own
    row may be among them. A pair counts for the samples that have both modalities.

    Args:
        negatives: K; 16,384 as published. May exceed the rows of the bank.
        temperature: 0.07 as published.

    Example:
        >>> generator = torch.Generator().manual_seed(0)
        >>> bank = MemoryBank(1000, 128, ("rgb", "depth"), generator=generator)
        >>> rgb, depth = torch.nn.functional.normalize(torch.randn(2, 8, 128, requires_grad=True), dim=2)
        >>> present = {"rgb": torch.ones(8, dtype=torch.bool), "depth": torch.ones(8, dtype=torch.bool)}
        >>> loss = SampleLevelLoss(negatives=256)
        >>> terms = loss({"rgb": rgb, "depth": depth}, present, torch.arange(8), bank, generator=generator)
        >>> sorted(terms)
        ['depth->rgb', 'rgb->depth']
    """

    def __init__(self, negatives: int = 16_384, temperature: float = 0.07) -> None:
        if negatives < 1 or temperature <= 0:
            raise ValueError(f"negatives and temperature must be positive, not {negatives} and {temperature}")
        self.negatives = negatives
        self.temperature = temperature

    def __call__(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        index: Tensor,
        bank: MemoryBank,
        *,
        generator: torch.Generator | None,
        candidates: Tensor | None = None,
    ) -> dict[str, LossTerm]:
        """Compare the batch with the banks, which stay as they are: call `MemoryBank.update` after it.

        Under `torch.distributed` each rank brings its part of the batch and gets the mean over all of it.

        Args:
            embeddings: By modality, (B, D) L2-normalized; what is absent may be anything.
            present: By modality, (B,) bool.
            index: (B,) int64, each sample's row of the banks.
            bank: Has a bank for each modality.
            generator: Draws the negatives; on any device. None: torch's global one.
            candidates: (B, 1 + K) int64, rows to use instead of drawn ones; column 0 is `index`.

        Returns:
            A term for each directed pair, `rgb->depth` for an RGB anchor among rows of the depth bank. All have weight
            1 in the published sum.
        """
        if candidates is None:
            candidates = self.draw(index, bank.n_samples, generator)
        terms: dict[str, LossTerm] = {}
        for target in embeddings:
            others = [modality for modality in embeddings if modality != target]
            valid = torch.stack([present[modality] & present[target] for modality in others])
            # Zeros, not what an encoder made of a missing image: finite, and no gradient reaches it.
            anchors = torch.stack(
                [torch.where(both[:, None], embeddings[name], 0.0) for name, both in zip(others, valid, strict=True)]
            )
            rows = valid.any(0).nonzero()[:, 0]
            losses, first = bank_contrast(
                anchors[:, rows], bank.bank(target), candidates[rows], temperature=self.temperature
            )
            for name, loss, hit, both in zip(others, losses, first, valid[:, rows], strict=True):
                terms[f"{name}->{target}"] = mean_term(loss, hit, both)
        return terms

    def draw(self, index: Tensor, n_samples: int, generator: torch.Generator | None) -> Tensor:
        """Draw candidates (B, 1 + K) int64: `index` in column 0, then uniform rows of 0..n_samples - 1."""
        device = index.device if generator is None else generator.device
        shape = (len(index), 1 + self.negatives)
        candidates = torch.randint(n_samples, shape, generator=generator, device=device).to(index.device)
        candidates[:, 0] = index
        return candidates
