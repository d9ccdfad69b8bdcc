"""Mappers from features of points to the embeddings that the objectives compare: one per sample, one per cell."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.models.mappers import EMBEDDING_DIM, normalize
from hcmoco_bench.models.point_features import PointFeatures, runs_without_points, zeros_of


class PointGlobalMapper(nn.Module):
    """Features of points to one embedding per sample: mean over the points, one linear layer, L2 norm.

    The published `head2` where depth is read as points. The mean is over the points that went through the network, not
    over the cells of a map, most of which may be background.

    Args:
        channels: Channels of the points' features.
        dim: Length of the embedding.
    """

    def __init__(self, channels: int, dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.projection = nn.Linear(channels, dim)

    def forward(self, points: PointFeatures) -> Tensor:
        """Features of the points of B samples to (B, dim), each row of length 1."""
        return normalize(self.projection(points.pooled()), dim=1)


class PointDenseMapper(nn.Module):
    """Features of points to one embedding per cell: 1x1 convolution, batch norm and ReLU, back to the image, L2 norm.

    The published `encoder2_linear` where depth is read as points (https://github.com/hongfz16/HCMoCo, `pycontrast`): it
    acts on the points, before they are interpolated, and unlike the mapper of images it ends in a ReLU. Embeddings of
    depth therefore have no negative entry.

    Args:
        channels: Channels of the points' features.
        dim: Length of the embeddings.
    """

    def __init__(self, channels: int, dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.dim = dim
        self.projection = nn.Conv1d(channels, dim, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm1d(dim)

    def embed(self, features: Tensor) -> Tensor:
        """(P, channels, N) features of points to (P, dim, N), not of length 1; with P = 0 nothing, with gradients."""
        if len(features) == 0 and not runs_without_points(self):
            return features.sum() + zeros_of(self, 0, self.dim, features.shape[2])
        return functional.relu(self.norm(self.projection(features)))

    def forward(self, points: PointFeatures) -> Tensor:
        """Features of the points of B samples to (B, dim, h, w), of length 1 along `dim`, zeros without points."""
        return normalize(points.to_map(self.embed(points.features)), dim=1)
