"""Anchor boxes at known strides."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

ASPECT_RATIOS = (0.5, 1.0, 2.0)


class PyramidAnchors(nn.Module):
    """One size of anchors on each level, three aspect ratios, centered on multiples of the stride.

    As in detectron2. torchvision's own generator guesses the strides from the sizes of image and maps, which is wrong
    for maps that do not cover the padding, and rounds the boxes.

    Args:
        sizes: Square root of the anchors' area on each level, input px.
        strides: Input px a cell of each level.
    """

    def __init__(self, sizes: tuple[float, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes, self.strides = sizes, strides

    def forward(self, images: ImageList, maps: list[Tensor]) -> list[Tensor]:
        """The anchors of each image, the same for all.

        Args:
            images: The batch.
            maps: (B, C, h, w) for each level.

        Returns:
            For each image (A, 4) float32 x0, y0, x1, y1: by level, row, column and aspect ratio (height over width).
        """
        device = maps[0].device
        root = torch.tensor(ASPECT_RATIOS, device=device).sqrt()
        levels = []
        for size, stride, features in zip(self.sizes, self.strides, maps, strict=True):
            half = torch.stack([size / root, size * root], dim=1) / 2
            y, x = (torch.arange(cells, device=device) * float(stride) for cells in features.shape[-2:])
            center = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 1, 2)
            levels.append(torch.cat([center - half, center + half], dim=2).reshape(-1, 4))
        return [torch.cat(levels)] * len(images.image_sizes)
