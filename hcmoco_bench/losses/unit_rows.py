"""Rows of length 1."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional


def unit_rows(rows: Tensor) -> Tensor:
    """(N, C) rows divided by their length, in float32; rows of zeros stay zero."""
    return functional.normalize(rows.float(), dim=1)
