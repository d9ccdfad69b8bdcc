"""The lifting network of LiftedCL: a pooled feature of an image to the 3-D pose of the person.

https://github.com/RichardChen20/LiftedCL, commit 7c7902a; parameter names are the release's.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor, nn

LEAKY_SLOPE: Final = 0.2
"""Slope below 0 of every activation in the lifting network and in the discriminator."""

POSE_JOINTS: Final = 17
"""Joints of a pose, in the order of the joint set `h36m17`."""

LIFTING_WIDTH: Final = 512
"""Published width of the hidden layers."""


class ResidualBlock(nn.Module):
    """Two linear layers around an activation, their input added, and an activation.

    Args:
        width: Length of input and output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(LEAKY_SLOPE), nn.Linear(width, width))
        self.activation = nn.LeakyReLU(LEAKY_SLOPE)

    def forward(self, features: Tensor) -> Tensor:
        """(B, width) to (B, width)."""
        result: Tensor = self.activation(self.model(features) + features)
        return result


class Lifting(nn.Module):
    """Pooled features to poses; there is no batch norm.

    Args:
        channels: Length of a pooled feature.
        width: Length of the hidden layers.
    """

    def __init__(self, channels: int, width: int = LIFTING_WIDTH) -> None:
        super().__init__()
        self.linear = nn.Sequential(nn.Linear(channels, width), nn.LeakyReLU(LEAKY_SLOPE))
        self.res_1 = ResidualBlock(width)
        self.final = nn.Linear(width, 3 * POSE_JOINTS)

    def forward(self, pooled: Tensor) -> Tensor:
        """(B, channels) to (B, 51), joint by joint (x, y, z); neither centered nor normalized, as published."""
        pose: Tensor = self.final(self.res_1(self.linear(pooled)))
        return pose
