"""FPN: a feature pyramid on the maps of a ResNet or another backbone, as in detectron2's model zoo."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from hcmoco_bench.errors import UsageError

FINEST_STRIDE = 4


class FPN(nn.Module):
    """The feature pyramid of https://arxiv.org/abs/1612.03144, with which detectron2's ResNets were trained.

    Each map goes through a 1x1 convolution; from the coarsest to the finest, the one above is enlarged by nearest
    neighbor and added; a 3x3 convolution follows. One more level, every second cell of the coarsest one, serves the
    proposals alone.

    Args:
        channels: Of each map, finest first; those of an `Encoder`.
        strides: Input px a cell of each map: 4, 8, 16, ...
        width: Channels of the pyramid.
        levels: Number of levels: one for each map, and one more.

    Attributes:
        width: Channels of the pyramid.
        strides: Input px a cell of each level.
        region_levels: Number of levels, from the finest, from which regions are read.
        padded_in_detectron2: Whether detectron2 pads images for this neck.

    Raises:
        UsageError: If the maps do not have these strides, or the levels another number.
    """

    padded_in_detectron2: ClassVar[bool] = True

    def __init__(
        self, channels: tuple[int, ...], strides: tuple[int, ...], *, width: int = 256, levels: int = 5
    ) -> None:
        super().__init__()
        if strides != tuple(FINEST_STRIDE * 2**level for level in range(len(strides))):
            raise UsageError(f"an FPN needs maps of strides 4, 8, 16, ...; this backbone's are {strides}")
        if levels != len(strides) + 1:
            raise UsageError(
                f"an FPN on {len(strides)} maps has {len(strides) + 1} levels; give levels={len(strides) + 1}"
            )
        self.width = width
        self.region_levels = len(strides)
        self.strides = (*strides, 2 * strides[-1])
        self.pyramid = FeaturePyramidNetwork(list(channels), width, extra_blocks=LastLevelMaxPool())

    def padded_size(self, size: int) -> int:
        """The least side, in px, that a padded image needs for whole cells of every map."""
        unit = self.strides[self.region_levels - 1]
        return -(-size // unit) * unit

    def forward(self, maps: tuple[Tensor, ...]) -> OrderedDict[str, Tensor]:
        """The pyramid of a batch.

        Args:
            maps: (B, C, h, w) per map of the encoder.

        Returns:
            `p1`, `p2`, ...: (B, width, h, w), each half the size of the one before.
        """
        named = OrderedDict((f"p{number}", features) for number, features in enumerate(maps, start=1))
        levels: dict[str, Tensor] = self.pyramid(named)
        return OrderedDict((f"p{number}", features) for number, features in enumerate(levels.values(), start=1))
