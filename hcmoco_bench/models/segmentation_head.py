"""The segmentation head of HRNet: all maps at the finest resolution, and two 1x1 convolutions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class SegmentationHead(nn.Module):
    """A pyramid to class scores at the resolution of its finest map.

    Sun et al., "High-Resolution Representations for Labeling Pixels and Regions" (HRNetV2), section 3: the maps are
    enlarged bilinearly and concatenated (for HRNet-W18 18 + 36 + 72 + 144 = 270 channels); 1x1 convolution of the same
    width, batch norm, ReLU, 1x1 convolution to the classes.

    Args:
        channels: Channels of each map, finest first.
        n_classes: Number of classes.
    """

    def __init__(self, channels: Sequence[int], n_classes: int) -> None:
        super().__init__()
        width = sum(channels)
        self.layers = nn.Sequential(
            nn.Conv2d(width, width, 1), nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.Conv2d(width, n_classes, 1)
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(B, C, h, w) maps to (B, n_classes, h, w) scores of the first map's size."""
        finest = maps[0].shape[-2:]
        same = [maps[0]]
        same += [functional.interpolate(one, size=finest, mode="bilinear", align_corners=False) for one in maps[1:]]
        scores: Tensor = self.layers(torch.cat(same, dim=1))
        return scores
