"""Memory bank: a slowly moving embedding of every training sample, one bank for each modality."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.runtime.ranks import gather_rows


class MemoryBank(nn.Module):
    """One L2-normalized row per training sample and modality, moved towards each new embedding.

    Section 3.4 of HCMoCo (https://arxiv.org/abs/2203.13815), after CMC (https://arxiv.org/abs/1906.05849): too many
    negatives are needed for one batch to hold them, so they come from the embeddings of earlier steps.

    The banks are buffers: `state_dict` and `load_state_dict` restore them bit by bit. Keep the module outside of
    DistributedDataParallel: it keeps its ranks equal itself.

    Args:
        n_samples: Rows of each bank, the length of the (mixed) training set.
        dim: Length of an embedding.
        modalities: Names of the banks.
        momentum: Share of the old row that is kept; 0.5 as published.
        generator: Draws the first rows, unit vectors in random directions; its device is the banks' first device.

    Example:
        >>> bank = MemoryBank(1000, 128, generator=torch.Generator().manual_seed(0))
        >>> bank.update("rgb", torch.tensor([3]), torch.ones(1, 128), torch.tensor([True]))
    """

    def __init__(
        self,
        n_samples: int,
        dim: int,
        modalities: Sequence[str] = ("rgb", "depth", "keypoints"),
        momentum: float = 0.5,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if n_samples < 1 or dim < 1 or not modalities:
            raise ValueError(f"a memory bank needs rows, columns and modalities, not {n_samples}, {dim}, {modalities}")
        if not 0 <= momentum < 1:
            raise ValueError(f"momentum must be in [0, 1), not {momentum}")
        self.modalities = tuple(modalities)
        self.momentum = momentum
        self.n_samples = n_samples
        for modality in self.modalities:
            rows = torch.randn(n_samples, dim, generator=generator, device=generator.device)
            self.register_buffer(_buffer(modality), functional.normalize(rows, dim=1))

    def bank(self, modality: str) -> Tensor:
        """(n_samples, dim) float32 rows of a modality, each of length 1; not a copy."""
        if modality not in self.modalities:
            raise ValueError(f"there is no bank {modality!r}; there are {', '.join(self.modalities)}")
        return self.get_buffer(_buffer(modality))

    @torch.no_grad()
    def update(self, modality: str, index: Tensor, embeddings: Tensor, present: Tensor) -> None:
        """Move the rows of a batch: `normalize(momentum * row + (1 - momentum) * embedding)`.

        Under `torch.distributed` every rank moves the rows of all ranks' batches, so all hold the same bank; each rank
        must call it. Of a sample that comes twice in the batch the last one counts, in the order of the ranks.

        Args:
            modality: Name of the bank.
            index: (B,) int64, each sample's row.
            embeddings: (B, dim) L2-normalized, any floating type.
            present: (B,) bool; rows of samples that lack this modality stay as they are.
        """
        bank = self.bank(modality)
        index, present = gather_rows(index), gather_rows(present)
        embeddings = gather_rows(embeddings.float())
        index, embeddings = index[present], embeddings[present]
        comes_again = (index[:, None] == index[None]).triu(1).any(1)
        rows, embeddings = index[~comes_again], embeddings[~comes_again]
        moved = self.momentum * bank[rows] + (1 - self.momentum) * embeddings
        bank[rows] = functional.normalize(moved, dim=1)


def _buffer(modality: str) -> str:
    return f"bank_{modality}"
