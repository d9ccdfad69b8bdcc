"""The keys of the last batches, as negatives: a ring that takes whole batches in (MoCo's dictionary)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.losses.unit_rows import unit_rows


class KeyQueue(nn.Module):
    """Unit vectors of the keys of the last batches, the oldest replaced first.

    He et al., "Momentum Contrast for Unsupervised Visual Representation Learning", CVPR 2020
    (https://arxiv.org/abs/1911.05722), section 3.2.

    The rows and the place of the next ones are buffers: `state_dict` and `load_state_dict` restore them bit by bit.
    Keep the module outside of DistributedDataParallel: give each rank the keys of all ranks, and all hold the same.

    Args:
        size: Number of keys.
        dim: Length of a key.
        generator: Draws the first rows, unit vectors in random directions; its device is the queue's first device.

    Example:
        >>> queue = KeyQueue(64, 128, generator=torch.Generator().manual_seed(0))
        >>> queue.enqueue(torch.nn.functional.normalize(torch.randn(16, 128), dim=1))
        >>> int(queue.pointer)
        16
    """

    def __init__(self, size: int, dim: int, *, generator: torch.Generator) -> None:
        super().__init__()
        if size < 1 or dim < 1:
            raise ValueError(f"a queue needs rows and columns, not {size} and {dim}")
        rows = torch.randn(size, dim, generator=generator, device=generator.device)
        self.rows: Tensor
        self.pointer: Tensor
        self.register_buffer("rows", unit_rows(rows))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64, device=generator.device))

    def __len__(self) -> int:
        return len(self.rows)

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """Take a whole step's keys in, in place of the oldest.

        Args:
            keys: (B, dim) unit vectors, any floating type; under `torch.distributed` those of all ranks.

        Raises:
            UsageError: If the queue's size is no multiple of B; a batch is never split over the end.
        """
        check_queue(len(self), len(keys))
        start = int(self.pointer)
        self.rows[start : start + len(keys)] = keys.to(self.rows.dtype)
        self.pointer.fill_((start + len(keys)) % len(self))


def check_queue(size: int, batch: int) -> None:
    """Raise UsageError unless a queue of this size is filled by whole batches."""
    if size % batch:
        lower = size // batch * batch
        near = f"{lower:,} or {lower + batch:,}" if lower else f"{batch:,}"
        raise UsageError(
            f"a queue of {size:,} keys is no multiple of the batch of {batch:,}, whose keys it takes in together; set "
            f"queue to {near}, or change the batch size"
        )
