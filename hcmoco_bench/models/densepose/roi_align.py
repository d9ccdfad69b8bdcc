"""A region's features, from the level of the pyramid that fits its size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torchvision.ops import roi_align

CANONICAL_SIZE = 224
CANONICAL_LEVEL = 4
"""A box of 224 px is read at stride 2^4; from https://arxiv.org/abs/1612.03144, equation 1."""


class PyramidRoIAlign(nn.Module):
    """RoIAlign over a pyramid with known strides (torchvision's own guesses them from the maps' sizes).

    Args:
        resolution: Side of the result, cells.
        strides: Input px a cell of each level, finest first, each twice the one before.
        sampling_ratio: Points a cell and axis.
    """

    def __init__(self, resolution: int, strides: Sequence[int], *, sampling_ratio: int = 2) -> None:
        super().__init__()
        self.output_size = (resolution, resolution)
        self.strides = tuple(strides)
        self.sampling_ratio = sampling_ratio

    def forward(
        self,
        features: Mapping[str, Tensor] | Sequence[Tensor],
        boxes: Sequence[Tensor],
        image_shapes: object = None,
    ) -> Tensor:
        """Features of regions.

        Args:
            features: (B, C, h, w) per level, in the strides' order.
            boxes: For each image (N, 4) x0, y0, x1, y1 input px.
            image_shapes: Not needed; torchvision's heads give it.

        Returns:
            (sum of N, C, resolution, resolution), in the order of the boxes.
        """
        maps = list(features.values()) if isinstance(features, Mapping) else list(features)
        regions = torch.cat(
            [torch.cat([box.new_full((len(box), 1), number), box], dim=1) for number, box in enumerate(boxes)]
        )
        levels = self.levels(regions[:, 1:])
        result = maps[0].new_zeros((len(regions), maps[0].shape[1], *self.output_size), dtype=regions.dtype)
        for number, (level, stride) in enumerate(zip(maps, self.strides, strict=True)):
            chosen = torch.nonzero(levels == number)[:, 0]
            aligned = roi_align(
                level.to(regions.dtype), regions[chosen], self.output_size, 1.0 / stride, self.sampling_ratio
            )
            result = result.index_copy(0, chosen, aligned)
        return result

    def levels(self, boxes: Tensor) -> Tensor:
        """(N,) int64 number of the level of each (N, 4) box."""
        side = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).clamp(min=0).sqrt()
        wanted = torch.floor(CANONICAL_LEVEL + torch.log2(side / CANONICAL_SIZE + 1e-8)).long()
        finest = round(math.log2(self.strides[0]))
        return wanted.clamp(finest, finest + len(self.strides) - 1) - finest
