"""PointNet++ with multi-scale grouping, as an encoder of depth: pixels to points and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Final

import torch
from torch import Tensor, nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoder import Encoder, EncoderFactory, EncoderInput
from hcmoco_bench.models.foreground_points import back_project, cell_points, choose_foreground, fill_background
from hcmoco_bench.models.mappers import EMBEDDING_DIM
from hcmoco_bench.models.point_features import PointFeatures, runs_without_points, zeros_of
from hcmoco_bench.models.point_mappers import PointDenseMapper, PointGlobalMapper
from hcmoco_bench.models.point_ops import ball_query, farthest_point_sample, group, interpolate, three_nearest


@dataclass(frozen=True)
class Level:
    """One set-abstraction level.

    Attributes:
        n_centers: Points that remain.
        radii: Radius of each scale, meters.
        n_neighbors: Points looked at per ball, for each scale.
        widths: Widths of the small network of each scale.
        width_back: Width of the network that carries features back to the points of the level before.
    """

    n_centers: int
    radii: tuple[float, ...]
    n_neighbors: tuple[int, ...]
    widths: tuple[tuple[int, ...], ...]
    width_back: int


PUBLISHED_LEVELS = (
    Level(4096, (0.025, 0.125), (16, 32), ((16, 32), (32, 64)), 128),
    Level(1024, (0.125, 0.25), (16, 32), ((64, 128), (64, 128)), 256),
    Level(256, (0.25, 0.5), (16, 32), ((128, 256), (128, 256)), 512),
    Level(64, (0.5, 1.0), (16, 32), ((256, 512), (256, 512)), 512),
)
"""The depth network of HCMoCo (https://github.com/hongfz16/HCMoCo, `pycontrast/networks/pointnet2_msg.py`)."""

SMALL_LEVELS = tuple(
    Level(
        level.n_centers // 8,
        level.radii,
        tuple(number // 2 for number in level.n_neighbors),
        tuple(tuple(width // 4 for width in widths) for widths in level.widths),
        level.width_back // 4,
    )
    for level in PUBLISHED_LEVELS
)
"""An eighth of the centers, half of the neighbors and a quarter of the widths, with the same radii: for short runs on a
CPU."""

POINT_ORDER_SEED: Final = 0
"""Seed of the order in which pixels become points."""


class _Layers(nn.Sequential):
    """1x1 convolutions with batch norm and ReLU, over (B, C, M, K)."""

    def __init__(self, channels: Sequence[int]) -> None:
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        super().__init__(*layers)


class _SetAbstraction(nn.Module):
    """For each center and scale: a small network over its neighbors, relative to it, and their maximum."""

    def __init__(self, level: Level, channels: int) -> None:
        super().__init__()
        self.level = level
        self.scales = nn.ModuleList(_Layers((channels + 3, *widths)) for widths in level.widths)
        self.channels = sum(widths[-1] for widths in level.widths)

    def forward(self, points: Tensor, features: Tensor | None, centers: Tensor) -> Tensor:
        neighbors = ball_query(points, centers, self.level.radii, self.level.n_neighbors)
        across, centers = points.transpose(1, 2), centers.transpose(1, 2)
        results = []
        for index, layers in zip(neighbors, self.scales, strict=True):
            grouped = group(across, index) - centers[..., None]
            if features is not None:
                grouped = torch.cat([grouped.to(features.dtype), group(features, index)], dim=1)
            results.append(layers(grouped).amax(dim=3))
        return torch.cat(results, dim=1)


class PointNet(nn.Module):
    """PointNet++ (MSG) for one feature vector per point.

    Qi et al., NeurIPS 2017, with the sizes of HCMoCo. Coordinates enter only relative to neighbors, so the features do
    not depend on where the body stands.

    A ball holds the first points within its radius *in the order of its cloud*. As published, every level takes a
    farthest-point sample of the level before, the first one of all points, so that the later levels see clouds in
    farthest-point order, whose first points are spread over the ball. The first level sees the order that is given:
    give a random one (see `choose_foreground`).

    Args:
        levels: Set-abstraction levels, finest first.
        distinct_centers: What the centers are where points of the cloud coincide and all places are taken: each point
            once, or, as published, the first point again and again.

    Attributes:
        superseded: Names of parameters of earlier versions, and what to do with their files.
    """

    superseded: ClassVar[Mapping[str, str]] = {
        "down.": "its PointNet++ is of an earlier version, whose balls held the points of their upper edge alone; this "
        "version would read other neighbors than it was trained on, so train it again"
    }

    def __init__(self, levels: Sequence[Level] = PUBLISHED_LEVELS, *, distinct_centers: bool = False) -> None:
        super().__init__()
        if any(later.n_centers > before.n_centers for before, later in pairwise(levels)):
            raise UsageError("each level must have at most as many centers as the one before")
        self.levels, self.distinct_centers = tuple(levels), distinct_centers
        self.abstraction = nn.ModuleList()
        skips, channels = [0], 0
        for level in levels:
            abstraction = _SetAbstraction(level, channels)
            self.abstraction.append(abstraction)
            channels = abstraction.channels
            skips.append(channels)
        self.propagation = nn.ModuleList()
        for i, level in enumerate(levels):
            coarse = levels[i + 1].width_back if i + 1 < len(levels) else channels
            self.propagation.append(_Layers((coarse + skips[i], level.width_back, level.width_back)))
        self.channels = levels[0].width_back

    def forward(self, points: Tensor) -> Tensor:
        """(B, N, 3) float32 meters to (B, channels, N) features."""
        clouds = [points, *self._centers(points)]
        features: list[Tensor] = []
        for abstraction, (cloud, centers) in zip(self.abstraction, pairwise(clouds), strict=True):
            features.append(abstraction(cloud, features[-1] if features else None, centers))
        carried = features.pop()
        levels = zip(reversed(self.propagation), reversed(clouds[:-1]), reversed(clouds[1:]), strict=True)
        for propagation, cloud, coarse in levels:
            carried = interpolate(carried, *three_nearest(cloud, coarse))
            if features:  # the points themselves have none
                carried = torch.cat([carried, features.pop()], dim=1)
            carried = propagation(carried[..., None])[..., 0]
        return carried

    def _centers(self, points: Tensor) -> list[Tensor]:
        """Each level's centers (B, n, 3): a prefix of one farthest-point sample, which is nested.

        A level with room for more points than there are has as many centers as points.
        """
        n_largest = min(self.levels[0].n_centers, points.shape[1])
        order = farthest_point_sample(points, n_largest, distinct=self.distinct_centers)
        sampled = points.gather(1, order[..., None].expand(-1, -1, 3))
        return [sampled[:, : level.n_centers] for level in self.levels]


class PointNetEncoder(Encoder):
    """Depth as points: foreground pixels to camera space, PointNet++, and back to one map at stride 4.

    The order of the points is random, so that the first level's balls hold an unbiased sample of their neighbors, and
    always the same: the pixels of the image are shuffled with a fixed seed, and those of the foreground follow in that
    order. The same image gives the same features, alone or in a batch, in training and in evaluation. The published
    points are in random order, too; they are drawn *with* replacement, which leaves out pixels that there is room for.
    A farthest-point order of the foreground would also be unbiased, but has to look at every pixel for every point,
    and the network takes a farthest-point sample of its points anyway, which the later levels see.

    Where there are fewer pixels than points, each counts equally often, also as a center of the first level. By the
    published rule the first point would be the center of all balls to spare, and would weigh most in batch norm.

    Args:
        n_points: Foreground points per image; 4,096 in HCMoCo. More pixels are thinned out, fewer are repeated.
        levels: Set-abstraction levels of the network.
    """

    input: ClassVar[EncoderInput] = "points"
    name = "pointnet"

    def __init__(self, n_points: int = 4096, levels: Sequence[Level] = PUBLISHED_LEVELS) -> None:
        super().__init__()
        self.n_points = n_points
        self.network = PointNet(levels, distinct_centers=True)
        self.channels: tuple[int, ...] = (self.network.channels,)
        self.strides: tuple[int, ...] = (4,)

    def forward(
        self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """The features of `encode` as a map.

        Returns:
            One (B, C, ceil(H / 4), ceil(W / 4)) map.
        """
        return (self.encode(image, intrinsics, foreground).to_map(),)

    def encode(
        self, image: Tensor, intrinsics: Tensor | None = None, foreground: Tensor | None = None
    ) -> PointFeatures:
        """Features of the points of a batch, with the places of the map's cells among them.

        A cell is at the mean of its foreground pixels' points. A cell without foreground is where its pixels would be
        at the sample's mean depth, as published. A sample without any foreground has no points, is zero everywhere, and
        takes no part in batch norm.

        Args:
            image: (B, 1, H, W) float depth in meters, 0 = none.
            intrinsics: (B, 4) float fx, fy, cx, cy in pixels of `image` (of the crop, not of the camera).
            foreground: (B, H, W) bool.

        Raises:
            ValueError: If intrinsics or foreground are missing.
        """
        if intrinsics is None or foreground is None:
            raise ValueError("points need intrinsics and foreground")
        depth, stride = image[:, 0], self.strides[0]
        size, height, width = depth.shape
        valid = foreground & (depth > 0) & depth.isfinite()
        present = valid.flatten(1).any(dim=1).nonzero()[:, 0]
        if len(present) < size:
            depth, intrinsics, valid = depth[present], intrinsics[present], valid[present]
        points = back_project(fill_background(depth.float(), valid), intrinsics.float())
        generator = torch.Generator().manual_seed(POINT_ORDER_SEED)
        chosen = choose_foreground(valid.flatten(1), self.n_points, generator=generator)
        cloud = points.flatten(1, 2).gather(1, chosen[..., None].expand(-1, -1, 3))
        if len(present) or runs_without_points(self):
            features = self.network(cloud)
        else:
            features = zeros_of(self, 0, self.channels[0], self.n_points)
        cells = (-(-height // stride), -(-width // stride))
        targets = cell_points(points, valid, stride)
        return PointFeatures.at(features, cloud, targets, cells, present=present, size=size)

    def make_global_mapper(self, dim: int = EMBEDDING_DIM) -> PointGlobalMapper:
        """See `Encoder.make_global_mapper`; pools over the points."""
        return PointGlobalMapper(self.channels[0], dim)

    def make_dense_mapper(self, dim: int = EMBEDDING_DIM) -> PointDenseMapper:
        """See `Encoder.make_dense_mapper`; acts on the points, before the way back to the image."""
        return PointDenseMapper(self.channels[0], dim)


FACTORY = EncoderFactory(make=lambda image_size: PointNetEncoder(), input=PointNetEncoder.input)
"""PointNet++ with the sizes of HCMoCo, registered as `pointnet`; there are no ImageNet weights of points."""

FACTORY_SMALL = EncoderFactory(
    make=lambda image_size: PointNetEncoder(SMALL_LEVELS[0].n_centers, SMALL_LEVELS), input=PointNetEncoder.input
)
"""PointNet++ of `SMALL_LEVELS` with 512 points, registered as `pointnet_small`."""
