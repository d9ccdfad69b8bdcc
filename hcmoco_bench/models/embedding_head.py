"""A head that labels pixels by their dense embeddings, whichever modality these come from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class EmbeddingHead(nn.Module):
    """A 1x1 convolution of the embedding's width with batch norm and ReLU, and a 1x1 convolution to the classes.

    HCMoCo, supplement 1.6: "the same one used for human parsing" on the dense mapper of one modality, or on the maximum
    of two, and moved to another one for the test. Each cell is labeled by its own embedding alone; the head sees no
    neighbors, so the meaning has to be in the embedding.

    Args:
        dim: Length of the embeddings.
        n_classes: Number of classes.
        stride: Pixels of the input per cell of the embeddings, along each axis.
    """

    def __init__(self, dim: int, n_classes: int, stride: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(dim, dim, 1), nn.BatchNorm2d(dim), nn.ReLU(inplace=True))
        self.scores = nn.Conv2d(dim, n_classes, 1)
        self.stride = stride

    def forward(self, embeddings: Tensor) -> Tensor:
        """Class scores at the size of the input.

        Args:
            embeddings: (B, dim, h, w) of length 1 along `dim`.

        Returns:
            (B, n_classes, stride * h, stride * w) float32 or better, enlarged bilinearly with corners not aligned. For
            B = 0 they are empty and still have a gradient.
        """
        if not len(embeddings):
            height, width = (self.stride * side for side in embeddings.shape[-2:])
            return embeddings.new_zeros(0, self.scores.out_channels, height, width) + 0 * self.scores.weight.sum()
        scores: Tensor = self.scores(self.layers(embeddings))
        scores = scores.to(torch.promote_types(scores.dtype, torch.float32))
        return functional.interpolate(scores, scale_factor=self.stride, mode="bilinear", align_corners=False)
