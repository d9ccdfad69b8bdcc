"""A head of transposed convolutions over the coarsest map of an encoder.

Xiao et al., "Simple Baselines for Human Pose Estimation and Tracking", ECCV 2018 (https://arxiv.org/abs/1804.06208).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from torch import Tensor, nn

HEAD_WIDTH: Final = 256
"""Channels of the transposed convolutions in the paper."""

_DEVIATION: Final = 0.001
"""Standard deviation of the first weights of the published head."""


class DeconvolutionHead(nn.Module):
    """Transposed convolutions (4x4, stride 2, batch norm, ReLU) up to a stride of 4, then a 1x1 convolution.

    The paper's three layers take a stride of 32 to 4; encoders whose coarsest map is finer need fewer.

    Args:
        channels: Channels of the encoder's maps, finest first.
        strides: Strides of the encoder's maps.
        out_channels: Channels of the result, e.g. the number of joints.
        width: Channels of the transposed convolutions.
    """

    stride: Final = 4

    def __init__(
        self, channels: Sequence[int], strides: Sequence[int], out_channels: int, *, width: int = HEAD_WIDTH
    ) -> None:
        super().__init__()
        n_layers = max(0, round(math.log2(strides[-1] / self.stride)))
        layers: list[nn.Module] = []
        for layer in range(n_layers):
            entering = channels[-1] if layer == 0 else width
            layers += [
                nn.ConvTranspose2d(entering, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.layers = nn.Sequential(*layers)
        self.final = nn.Conv2d(width if n_layers else channels[-1], out_channels, 1)
        for module in self.modules():
            if isinstance(module, nn.ConvTranspose2d | nn.Conv2d):
                nn.init.normal_(module.weight, std=_DEVIATION)
        if self.final.bias is not None:
            nn.init.zeros_(self.final.bias)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(B, out_channels, H / 4, W / 4) from an encoder's maps of an image of H x W px."""
        result: Tensor = self.final(self.layers(maps[-1]))
        return result
