"""The DensePose head: from a region's features to its charts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

PARTS = 24
"""Charts that DensePose cuts the body's surface into; channel 0 is the background."""

COARSE_PARTS = 14
ENLARGED = 4
"""Side of the charts over that of the region's features: a deconvolution, then bilinear."""


@dataclass(frozen=True)
class Charts:
    """Raw outputs for R regions; S cells span the region's box, cell centers at (i + 0.5) / S of its side.

    Attributes:
        coarse: (R, K, S, S) logits of the coarse segmentation; K is 2 (background, person) or 15 (with 14 parts).
        fine: (R, 25, S, S) logits of background and 24 charts.
        u: (R, 25, S, S) the first surface coordinate in each chart, about 0..1; channel 0 has no meaning.
        v: (R, 25, S, S) the second.
    """

    coarse: Tensor
    fine: Tensor
    u: Tensor
    v: Tensor

    def __len__(self) -> int:
        return len(self.fine)

    def isfinite(self) -> Tensor:
        """Scalar bool: whether every number is."""
        return torch.stack([values.isfinite().all() for values in (self.coarse, self.fine, self.u, self.v)]).all()

    def rows(self, first: int, last: int) -> Charts:
        """The regions from `first` until before `last`."""
        return Charts(*(values[first:last] for values in (self.coarse, self.fine, self.u, self.v)))


class DensePoseHead(nn.Module):
    """A stack of 3x3 convolutions and four predictors, as the DensePose paper's and detectron2's V1ConvX.

    Args:
        channels: Of a region's features.
        convolutions: Number of convolutions.
        width: Their channels.
        coarse_channels: Channels of the coarse segmentation, 2 or 15.
    """

    def __init__(self, channels: int, *, convolutions: int = 8, width: int = 512, coarse_channels: int = 2) -> None:
        super().__init__()
        self.body = nn.ModuleList(
            nn.Conv2d(channels if number == 0 else width, width, 3, padding=1) for number in range(convolutions)
        )
        last = width if convolutions else channels
        self.coarse = _deconvolution(last, coarse_channels)
        self.fine = _deconvolution(last, PARTS + 1)
        self.u = _deconvolution(last, PARTS + 1)
        self.v = _deconvolution(last, PARTS + 1)
        for name, parameter in self.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(parameter)
            else:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")

    def forward(self, features: Tensor) -> Charts:
        """Charts of (R, C, s, s) features, with S = 4 s; float32 under autocast too."""
        for layer in self.body:
            features = layer(features).relu()
        return Charts(*(_enlarge(layer(features)) for layer in (self.coarse, self.fine, self.u, self.v)))


def _deconvolution(channels: int, out: int) -> nn.ConvTranspose2d:
    return nn.ConvTranspose2d(channels, out, 4, stride=2, padding=1)


def _enlarge(values: Tensor) -> Tensor:
    return functional.interpolate(values.float(), scale_factor=2, mode="bilinear", align_corners=False)
