"""A2J over an encoder: a depth crop in, votes for joints and their depths out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.anchor_votes import ANCHOR_OFFSETS, AnchorHeads, JointVotes, count_votes
from hcmoco_bench.models.encoder import Encoder

HEAD_WIDTH = 256
HEAD_DEPTH = 4
STRIDE = 4


class AnchorHead(nn.Sequential):
    """Four 3x3 convolutions with batch normalization and ReLU, and one more that gives the outputs.

    Args:
        channels: Of the features.
        outputs: Channels to give; anchors are the slowest axis, then joints, then what a joint has.
        width: Channels in between.
    """

    def __init__(self, channels: int, outputs: int, *, width: int = HEAD_WIDTH) -> None:
        layers: list[nn.Module] = []
        for number in range(HEAD_DEPTH):
            layers += [
                nn.Conv2d(width if number else channels, width, kernel_size=3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        super().__init__(*layers, nn.Conv2d(width, outputs, kernel_size=3, padding=1))
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_normal_(layer.weight)


class A2J(nn.Module):
    """Anchors of every stride-4 cell vote for joints (Xiong et al., ICCV 2019; over HRNet as in HCMoCo).

    All maps of the pyramid are enlarged to the finest and concatenated; three heads say how much each anchor counts,
    the way from it to each joint, and each joint's depth.

    Args:
        encoder: Its finest map must have stride 4.
        n_joints: J.
        width: Channels of the heads' convolutions.

    Raises:
        UsageError: If the encoder has no map of stride 4.
    """

    def __init__(self, encoder: Encoder, n_joints: int, *, width: int = HEAD_WIDTH) -> None:
        super().__init__()
        if encoder.strides[0] != STRIDE:
            raise UsageError(
                f"A2J needs features of stride {STRIDE}; the finest of {encoder.name} has stride {encoder.strides[0]}, "
                "choose another backbone"
            )
        self.encoder = encoder
        self.n_joints = n_joints
        n_anchors = len(ANCHOR_OFFSETS) ** 2
        channels, outputs = sum(encoder.channels), n_anchors * n_joints
        self.weight_head = AnchorHead(channels, outputs, width=width)
        self.offset_head = AnchorHead(channels, 2 * outputs, width=width)
        self.depth_head = AnchorHead(channels, outputs, width=width)

    def heads(self, image: Tensor) -> AnchorHeads:
        """What the heads say of images (B, 3, H, W), normalized depth."""
        features = concatenate_maps(self.encoder(image))
        shape = (len(ANCHOR_OFFSETS) ** 2, self.n_joints)
        return AnchorHeads(
            logits=self.weight_head(features).unflatten(1, shape),
            offsets=self.offset_head(features).unflatten(1, (*shape, 2)),
            depths=self.depth_head(features).unflatten(1, shape),
        )

    def forward(self, image: Tensor) -> JointVotes:
        """Joints in images.

        Args:
            image: (B, 3, H, W) float, normalized depth, one channel repeated.

        Returns:
            Places in px of the input and depths in the unit of the training targets.
        """
        return count_votes(self.heads(image), stride=STRIDE)


def concatenate_maps(maps: Sequence[Tensor]) -> Tensor:
    """Maps (B, C_i, h_i, w_i), finest first, enlarged bilinearly to the finest and put together: (B, sum C_i, h, w)."""
    size = maps[0].shape[-2:]
    coarser = [functional.interpolate(one, size=size, mode="bilinear", align_corners=False) for one in maps[1:]]
    return torch.cat([maps[0], *coarser], dim=1)
