"""The network of 2-D pose: an encoder with a head that gives one heatmap a joint."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from hcmoco_bench.models.deconvolution_head import DeconvolutionHead, Maps
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.hrnet import RAW_HRNETS

HeadMaps = Literal["auto", "coarsest", "finest", "all"]
"""Maps of the encoder that the head takes; `auto` is the finest of an HRNet, and the coarsest of everything else."""


class PoseNet(nn.Module):
    """An encoder with a `DeconvolutionHead`.

    Args:
        encoder: The encoder.
        n_joints: Number of heatmaps.
        width: Channels of the head's transposed convolutions.
        maps: Maps of the encoder that the head takes.
    """

    def __init__(self, encoder: Encoder, n_joints: int, *, width: int, maps: HeadMaps = "auto") -> None:
        super().__init__()
        self.encoder = encoder
        chosen = maps_of(encoder) if maps == "auto" else maps
        self.head = DeconvolutionHead(encoder.channels, encoder.strides, n_joints, width=width, maps=chosen)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalized crops to (B, J, h, w) heatmaps."""
        heatmaps: Tensor = self.head(self.encoder(images))
        return heatmaps


def maps_of(encoder: Encoder) -> Maps:
    """The maps that the authors of an encoder's pose networks take.

    An HRNet's finest branch, which has seen the others (Sun et al., CVPR 2019); otherwise the top of the hierarchy
    (Xiao et al., ECCV 2018).
    """
    return "finest" if encoder.name.partition(".")[0] in RAW_HRNETS else "coarsest"
