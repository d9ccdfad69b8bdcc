"""The network of 2-D pose: an encoder with a head that gives one heatmap a joint."""

from __future__ import annotations

from typing import Final, Literal

from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.models.deconvolution_head import DeconvolutionHead, Maps
from hcmoco_bench.models.encoder import Encoder
from hcmoco_bench.models.hrnet import RAW_HRNETS

HeadMaps = Literal["auto", "coarsest", "finest", "all"]
"""Maps of the encoder that the head takes; `auto` is the finest of an HRNet, and the coarsest of everything else."""


_COARSEST: Final = 32
"""Coarsest stride of usual encoders, px."""


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
        """(B, 3, H, W) normalized crops to (B, J, H / 4, W / 4) heatmaps.

        Crops are padded to `padded_size`: encoders round sides that are no multiple of their stride up or down.
        """
        height, width = images.shape[-2:]
        full = padded_size((height, width))
        padded = functional.pad(images, (0, full[1] - width, 0, full[0] - height))
        heatmaps: Tensor = self.head(self.encoder(padded))
        return heatmaps[..., : height // self.head.stride, : width // self.head.stride]


def padded_size(size: tuple[int, int]) -> tuple[int, int]:
    """Height and width, px, that the encoder sees of a crop of this size: the next multiples of 32."""
    height, width = (-(-side // _COARSEST) * _COARSEST for side in size)
    return height, width


def maps_of(encoder: Encoder) -> Maps:
    """The maps that the authors of an encoder's pose networks take.

    An HRNet's finest branch, which has seen the others (Sun et al., CVPR 2019); otherwise the top of the hierarchy
    (Xiao et al., ECCV 2018).
    """
    return "finest" if encoder.name.partition(".")[0] in RAW_HRNETS else "coarsest"
