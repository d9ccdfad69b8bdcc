"""How far the vectors of a batch lie apart: what shows that a network gives the same answer to every image."""

from __future__ import annotations

from torch import Tensor

from hcmoco_bench.losses.unit_rows import unit_rows


def spread(rows: Tensor) -> Tensor:
    """Root mean squared distance of unit vectors from their mean, without the bias of a small batch.

    Args:
        rows: (B, C) vectors of any length but 0.

    Returns:
        () 0 if all have the same direction, and near 1 if the directions are random.
    """
    units = unit_rows(rows)
    variance = (units - units.mean(dim=0)).square().sum(dim=1).sum() / max(1, len(units) - 1)
    return variance.sqrt()
