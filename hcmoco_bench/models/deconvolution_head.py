"""A head of transposed convolutions over the maps of an encoder.

Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018 (https://arxiv.org/abs/1804.06208).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.errors import UsageError

HEAD_WIDTH: Final = 256
"""Channels of the transposed convolutions in the paper."""

Maps = Literal["coarsest", "finest", "all"]
"""Maps that the head takes: `coarsest`, the top of a hierarchy (ResNet, ConvNeXt, vision transformers); `finest`, the
branch that HRNet's authors take; or `all`, brought to the size of the finest and concatenated."""

_DEVIATION: Final = 0.001
"""Standard deviation of the first weights of the published head."""


class DeconvolutionHead(nn.Module):
    """Transposed convolutions (4x4, stride 2, batch norm, ReLU) up to a stride of 4, then a 1x1 convolution.

    The paper's three layers take a stride of 32 to 4; maps that are finer need fewer, and those of stride 4 none.

    Args:
        channels: Channels of the encoder's maps, finest first.
        strides: Strides of the encoder's maps.
        out_channels: Channels of the result, e.g. the number of joints.
        width: Channels of the transposed convolutions.
        maps: Maps of the encoder that the head takes.

    Raises:
        UsageError: If no number of doublings takes the maps to a stride of 4, e.g. from patches of 14 px.
    """

    stride: Final = 4

    def __init__(
        self,
        channels: Sequence[int],
        strides: Sequence[int],
        out_channels: int,
        *,
        width: int = HEAD_WIDTH,
        maps: Maps = "coarsest",
    ) -> None:
        super().__init__()
        self.maps: Maps = maps
        level = -1 if maps == "coarsest" else 0
        n_layers = round(math.log2(strides[level] / self.stride)) if strides[level] >= self.stride else 0
        if self.stride * 2**n_layers != strides[level]:
            raise UsageError(
                f"the encoder's maps have a stride of {strides[level]} px, which no doubling of their size takes to "
                f"{self.stride}; choose another --backbone"
            )
        entering = sum(channels) if maps == "all" else channels[level]
        layers: list[nn.Module] = []
        for layer in range(n_layers):
            layers += [
                nn.ConvTranspose2d(entering if layer == 0 else width, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers)
        self.final = nn.Conv2d(width if n_layers else entering, out_channels, 1)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
                nn.init.normal_(module.weight, std=_DEVIATION)
        if self.final.bias is not None:
            nn.init.zeros_(self.final.bias)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(B, out_channels, H / 4, W / 4) from an encoder's maps of an image of H x W px, multiples of the strides."""
        result: Tensor = self.final(self.layers(self._taken(maps)))
        return result

    def _taken(self, maps: Sequence[Tensor]) -> Tensor:
        if self.maps == "coarsest":
            return maps[-1]
        if self.maps == "finest":
            return maps[0]
        size = maps[0].shape[-2:]
        coarser = [functional.interpolate(one, size=size, mode="bilinear", align_corners=False) for one in maps[1:]]
        return torch.cat([maps[0], *coarser], dim=1)
