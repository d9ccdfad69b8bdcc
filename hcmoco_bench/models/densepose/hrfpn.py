"""HRFPN: an encoder's maps joined at stride 4, and a pyramid of one width made of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.models.densepose.detectron2_padding import BACKBONE_STRIDE, padded_size
from hcmoco_bench.models.densepose.settings import Pooling

FINEST_STRIDE = 4
_KERNEL = 4


class HRFPN(nn.Module):
    """A feature pyramid out of an HRNet's branches (https://arxiv.org/abs/1904.04514).

    Two forms:

    - `learned`: that of detectron2's DensePose, with which the published figures were made. Each map is brought to
      stride 4 by a transposed convolution of kernel 4 with batch norm and ReLU; level i is a convolution of kernel and
      stride 2^i over all of them, again with batch norm and ReLU. The transposed convolutions cut a border off, see
      `padded_size`; positions in the maps, and so the weights' meaning, are those of detectron2.
    - `average`: that of the paper. Bilinear enlarging, a 1x1 convolution, average pooling of 2^i. It has a small part
      of the parameters (270 x 256 instead of 341 x 270 x 256 for W18).

    In both a 3x3 convolution follows on each level.

    Args:
        channels: Of each map, finest first; those of an `Encoder`.
        strides: Input px a cell of each map; the first must be 4.
        width: Channels of the pyramid.
        levels: Number of levels; strides 4, 8, 16, ...
        pooling: Which form.

    Attributes:
        width: Channels of the pyramid.
        strides: Input px a cell of each level.
        region_levels: Number of levels, from the finest, from which regions are read: all.
        padded_in_detectron2: Whether detectron2 pads images for this neck.

    Raises:
        UsageError: If the finest map has another stride than 4.
    """

    padded_in_detectron2: ClassVar[bool] = False

    def __init__(
        self,
        channels: tuple[int, ...],
        strides: tuple[int, ...],
        *,
        width: int = 256,
        levels: int = 5,
        pooling: Pooling = "learned",
    ) -> None:
        super().__init__()
        if strides[0] != FINEST_STRIDE:
            raise UsageError(f"DensePose needs maps of stride {FINEST_STRIDE}; this backbone's begin at {strides[0]}")
        self.pooling: Pooling = pooling
        self.width = width
        self.region_levels = levels
        self.strides = tuple(FINEST_STRIDE * 2**level for level in range(levels))
        joined = sum(channels)
        if pooling == "learned":
            self.enlarge = nn.ModuleList(
                nn.Sequential(
                    nn.ConvTranspose2d(count, count, _KERNEL, stride=stride // FINEST_STRIDE, bias=False),
                    nn.BatchNorm2d(count),
                    nn.ReLU(inplace=True),
                )
                for count, stride in zip(channels, strides, strict=True)
            )
            self.reduce = nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(joined, width, 2**level, stride=2**level), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
                )
                for level in range(levels)
            )
        else:
            self.reduce = nn.ModuleList([nn.Conv2d(joined, width, 1)])
        self.smooth = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(levels))

    def padded_size(self, size: int) -> int:
        """The least side, in px, that a padded image needs for every px of `size` to have a cell on each level.

        Learned enlarging loses up to 4 cells at the right and lower border; see `detectron2_padding.padded_size`.
        """
        if self.pooling == "learned":
            return padded_size(size, self.strides[-1])
        unit: int = max(self.strides[-1], BACKBONE_STRIDE)
        return -(-size // unit) * unit

    def forward(self, maps: tuple[Tensor, ...]) -> OrderedDict[str, Tensor]:
        """The pyramid of a batch.

        Args:
            maps: (B, C, h, w) per map of the encoder.

        Returns:
            `p1`, `p2`, ...: (B, width, h, w), each half the size of the one before. They end with the last whole cell
            of the coarsest level: what lies beyond it at the right and lower border has no cell.

        Raises:
            DataError: Kind `image_too_small` if an image that is not padded has no cell on the coarsest level.
        """
        if self.pooling == "learned":
            enlarged: list[Tensor] = [layer(features) for layer, features in zip(self.enlarge, maps, strict=True)]
            height, width = (min(features.shape[axis] for features in enlarged) for axis in (2, 3))
            self._check_size(height, width)
            joined = torch.cat([features[:, :, :height, :width] for features in enlarged], dim=1)
            levels = [layer(joined) for layer in self.reduce]
        else:
            size = maps[0].shape[-2:]
            self._check_size(*size)
            enlarged = [maps[0]] + [
                functional.interpolate(features, size=size, mode="bilinear", align_corners=False)
                for features in maps[1:]
            ]
            reduced = self.reduce[0](torch.cat(enlarged, dim=1))
            levels = [functional.avg_pool2d(reduced, 2**level) for level in range(len(self.strides))]
        rows, columns = levels[-1].shape[-2:]
        pyramid: OrderedDict[str, Tensor] = OrderedDict()
        for number, (smooth, features) in enumerate(zip(self.smooth, levels, strict=True)):
            times = 2 ** (len(levels) - 1 - number)
            pyramid[f"p{number + 1}"] = smooth(features[:, :, : rows * times, : columns * times])
        return pyramid

    def _check_size(self, height: int, width: int) -> None:
        least = self.strides[-1] // FINEST_STRIDE
        if min(height, width) < least:
            raise DataError(
                f"an image of {height}x{width} cells of stride {FINEST_STRIDE} is too small for {len(self.strides)} "
                f"levels, which take {least} at least; pad images (protocol native), or train with fewer levels",
                kind="image_too_small",
            )
