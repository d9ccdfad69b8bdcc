"""Integral regression of 3-D poses: heatmaps in space, and the mean place that each of them gives.

Sun et al., "Integral Human Pose Regression", ECCV 2018 (https://arxiv.org/abs/1711.08229), equations 1 to 4.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

from hcmoco_bench.models.deconvolution_head import HEAD_WIDTH, DeconvolutionHead
from hcmoco_bench.models.encoder import Encoder

TYPICAL_BONES: Final = 4.2
"""Length of all bones of a person together, meters, until a training says what it is."""


class PosePlaces(NamedTuple):
    """Where joints are.

    Attributes:
        places: (B, J, 2) float32 px of the input, (x, y).
        depths: (B, J) float32 meters behind the root.
    """

    places: Tensor
    depths: Tensor


class IntegralPose(nn.Module):
    """An encoder, transposed convolutions to a heatmap of J x D x h x w, a softmax over each joint's, and its mean.

    Args:
        encoder: The encoder.
        n_joints: J.
        size: Side of the input in px.
        depth_range: Depth that the D bins cover, around the root, meters.
        width: Channels of the transposed convolutions.

    Attributes:
        bone_length: () float64 length of all bones of a person together, meters: the mean of the training data, by
            which the distance of a person can be found. A buffer, so that checkpoints hold it.
    """

    bone_length: Tensor

    def __init__(
        self, encoder: Encoder, n_joints: int, *, size: int, depth_range: float, width: int = HEAD_WIDTH
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.n_joints, self.depth_range = n_joints, depth_range
        self.depth_bins = size // DeconvolutionHead.stride
        self.head = DeconvolutionHead(encoder.channels, encoder.strides, n_joints * self.depth_bins, width=width)
        self.register_buffer("bone_length", torch.tensor(TYPICAL_BONES, dtype=torch.float64))

    def forward(self, image: Tensor) -> PosePlaces:
        """Joints in images.

        Args:
            image: (B, 3, S, S) float, normalized RGB.
        """
        volume = self.head(self.encoder(image)).unflatten(1, (self.n_joints, self.depth_bins))
        size = image.shape[-1]
        x, y, z = volume_mean(volume)
        places = torch.stack([(x + 0.5) * (size / volume.shape[-1]), (y + 0.5) * (size / volume.shape[-2])], dim=-1)
        return PosePlaces(places - 0.5, ((z + 0.5) / self.depth_bins - 0.5) * self.depth_range)


def volume_mean(volume: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Means of the softmax of each heatmap, in float32 even under autocast.

    Args:
        volume: (B, J, D, H, W) logits.

    Returns:
        (B, J) means of x, y and z in cells, counted from 0 at the center of the first one.
    """
    # A softmax in float32, whatever the convolutions' precision: means of 64^3 cells would be rounded to whole cells.
    shares = volume.float().flatten(2).softmax(dim=-1).view(volume.shape)
    along = (shares.sum((2, 3)), shares.sum((2, 4)), shares.sum((3, 4)))
    x, y, z = ((each * torch.arange(each.shape[-1], device=each.device, dtype=each.dtype)).sum(-1) for each in along)
    return x, y, z
