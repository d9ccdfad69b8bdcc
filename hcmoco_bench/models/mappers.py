"""Mappers from features to the embeddings that the objectives compare: one per sample, one per cell, one per joint."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.errors import UsageError

EMBEDDING_DIM = 128
"""Length of every embedding in HCMoCo (section 3.1)."""


def normalize(features: Tensor, dim: int) -> Tensor:
    """Divide by the L2 norm along `dim`; a zero vector stays zero.

    The norm is formed in float32 or better; the type of the features is kept.
    """
    precision = torch.promote_types(features.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(features, dim=dim, keepdim=True, dtype=precision)
    return features / norm.clamp_min(1e-12).to(features.dtype)


class GlobalMapper(nn.Module):
    """A pyramid to one embedding per sample: mean of every map, concatenated, one linear layer, L2 norm.

    HCMoCo, section 3.1; the published `head1` and `head2`.

    Args:
        channels: Channels of each map of the pyramid.
        dim: Length of the embedding.
    """

    def __init__(self, channels: Sequence[int], dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.projection = nn.Linear(sum(channels), dim)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(B, C, h, w) maps to (B, dim), each row of length 1."""
        pooled = torch.cat([features.mean(dim=(2, 3)) for features in maps], dim=1)
        return normalize(self.projection(pooled), dim=1)


class DenseMapper(nn.Module):
    """A pyramid to one embedding per cell of its finest map: enlarge all maps, concatenate, 1x1 convolution, L2 norm.

    HCMoCo, section 3.1; the published `encoder1_linear` and `encoder2_linear`. Both the enlarging (bilinear, corners
    not aligned) and the convolution are linear and act on different axes, so each map is convolved at its own
    resolution and enlarged afterwards: the same values at a fraction of the work, and without the wide concatenated
    map that backward would have to keep.

    Args:
        channels: Channels of each map of the pyramid, finest first.
        dim: Length of the embeddings.
    """

    def __init__(self, channels: Sequence[int], dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.channels = tuple(channels)
        self.projection = nn.Conv2d(sum(channels), dim, kernel_size=1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """(B, C, h, w) maps, finest first, to (B, dim, h, w) at the finest resolution, of length 1 along `dim`."""
        if len(maps) != len(self.channels):
            raise UsageError(f"this mapper takes {len(self.channels)} maps, not {len(maps)}")
        parts = torch.split(self.projection.weight, list(self.channels), dim=1)
        embedding = functional.conv2d(maps[0], parts[0], self.projection.bias)
        for features, weight in zip(maps[1:], parts[1:], strict=True):
            projected = functional.conv2d(features, weight)
            if projected.shape[-2:] != embedding.shape[-2:]:
                projected = functional.interpolate(
                    projected, size=embedding.shape[-2:], mode="bilinear", align_corners=False
                )
            embedding = embedding + projected
        return normalize(embedding, dim=1)


class KeypointMapper(nn.Module):
    """Features of joints to one embedding per sample and one per joint.

    The sample's embedding is the published `head3`: mean over the joints, one linear layer, L2 norm. A joint's
    embedding is its feature itself with its length taken out, as published; it therefore has the width of the
    keypoint encoder.

    Args:
        in_dim: Width of the joints' features.
        dim: Length of the sample's embedding.
    """

    def __init__(self, in_dim: int = EMBEDDING_DIM, dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        self.projection = nn.Linear(in_dim, dim)

    def forward(self, joints: Tensor) -> tuple[Tensor, Tensor]:
        """(B, J, in_dim) features to (B, dim) for samples and (B, J, in_dim) for joints, all of length 1."""
        return normalize(self.projection(joints.mean(dim=1)), dim=1), normalize(joints, dim=2)
