"""Whether views are large enough for their cells to be told apart."""

from __future__ import annotations

from functools import cache
from typing import Final

import torch

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoders import create_encoder

_LARGEST_STRIDE: Final = 64
"""No backbone has a coarser map."""


def check_map(backbone: str, image_size: int) -> None:
    """Check that the coarsest map of views has more than one cell.

    Args:
        backbone: Name of the encoder.
        image_size: Side of the views in px.

    Raises:
        UsageError: If it has one alone, so that there is nothing to contrast cell by cell.
    """
    if image_size >= 2 * _LARGEST_STRIDE:  # the encoder need not be built
        return
    stride = _coarsest_stride(backbone, image_size)
    if image_size <= stride:
        raise UsageError(
            f"views of {image_size} px give a map of 1x1 cells with {backbone} (stride {stride}), and cells cannot be "
            f"told apart; use --size {2 * stride} or more, or leave the term out with --weights.equivariant 0"
        )


@cache
def _coarsest_stride(backbone: str, image_size: int) -> int:
    with torch.device("meta"):
        return create_encoder(backbone, image_size=image_size).strides[-1]
