"""PointNet++ with multi-scale grouping, as an encoder of depth: pixels to points and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from hcmoco_bench.errors import UsageError
from hcmoco_bench.models.encoder import Encoder, EncoderFactory, EncoderInput
from hcmoco_bench.models.foreground_points import back_project, cell_points, choose_foreground
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

    Args:
        levels: Set-abstraction levels, finest first.
    """

    def __init__(self, levels: Sequence[Level] = PUBLISHED_LEVELS) -> None:
        super().__init__()
        if any(later.n_centers > before.n_centers for before, later in pairwise(levels)):
            raise UsageError("each level must have at most as many centers as the one before")
        self.levels = tuple(levels)
        self.down = nn.ModuleList()
        skips, channels = [0], 0
        for level in levels:
            abstraction = _SetAbstraction(level, channels)
            self.down.append(abstraction)
            channels = abstraction.channels
            skips.append(channels)
        self.up = nn.ModuleList()
        for i, level in enumerate(levels):
            coarse = levels[i + 1].width_back if i + 1 < len(levels) else channels
            self.up.append(_Layers((coarse + skips[i], level.width_back, level.width_back)))
        self.channels = levels[0].width_back

    def forward(self, points: Tensor) -> Tensor:
        """(B, N, 3) float32 meters to (B, channels, N) features."""
        clouds = [points, *self._centers(points)]
        features: list[Tensor] = []
        for down, (cloud, centers) in zip(self.down, pairwise(clouds), strict=True):
            features.append(down(cloud, features[-1] if features else None, centers))
        carried = features.pop()
        for up, cloud, coarse in zip(reversed(self.up), reversed(clouds[:-1]), reversed(clouds[1:]), strict=True):
            carried = interpolate(carried, *three_nearest(cloud, coarse))
            if features:  # the points themselves have none
                carried = torch.cat([carried, features.pop()], dim=1)
            carried = up(carried[..., None])[..., 0]
        return carried

    def _centers(self, points: Tensor) -> list[Tensor]:
        """Each level's centers (B, n_centers, 3): a prefix of one farthest-point sample, which is nested.

        A level with room for every point keeps them all.
        """
        n_points = points.shape[1]
        n_largest = max((level.n_centers for level in self.levels if level.n_centers < n_points), default=0)
        sampled = points
        if n_largest:
            sampled = points.gather(1, farthest_point_sample(points, n_largest)[..., None].expand(-1, -1, 3))
        return [points if n >= n_points else sampled[:, :n] for n in (level.n_centers for level in self.levels)]


class PointNetEncoder(Encoder):
    """Depth as points: foreground pixels to camera space, PointNet++, and back to one map at stride 4.

    Args:
        n_points: Foreground points per image; 4,096 in HCMoCo. More are thinned out evenly, fewer are repeated.
        levels: Set-abstraction levels of the network.
    """

    input: ClassVar[EncoderInput] = "points"
    name = "pointnet"

    def __init__(self, n_points: int = 4096, levels: Sequence[Level] = PUBLISHED_LEVELS) -> None:
        super().__init__()
        self.n_points = n_points
        self.network = PointNet(levels)
        self.channels: tuple[int, ...] = (self.network.channels,)
        self.strides: tuple[int, ...] = (4,)

    def forward(
        self,
        image: Tensor,
        intrinsics: Tensor | None = None,
        foreground: Tensor | None = None,
        *,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, ...]:
        """Features of a batch.

        A cell's point is the mean of its foreground pixels' points; its features are interpolated from the three
        nearest of the points that went through the network. Cells without foreground hold the mean over the sample's
        points, so that pooling the map pools the body. A sample without any foreground is zero everywhere and takes no
        part in batch norm.

        Args:
            image: (B, 1, H, W) float depth in meters, 0 = none.
            intrinsics: (B, 4) float fx, fy, cx, cy in pixels of `image` (of the crop, not of the camera).
            foreground: (B, H, W) bool.
            generator: Draws which of too many points are taken; None takes evenly spaced ones.

        Returns:
            One (B, C, ceil(H / 4), ceil(W / 4)) map.

        Raises:
            ValueError: If intrinsics or foreground are missing.
        """
        if intrinsics is None or foreground is None:
            raise ValueError("points need intrinsics and foreground")
        depth = image
        size, _, height, width = depth.shape
        stride = self.strides[0]
        valid = foreground & (depth[:, 0] > 0) & depth[:, 0].isfinite()
        present = valid.flatten(1).any(dim=1).nonzero()[:, 0]
        cells = (-(-height // stride), -(-width // stride))
        if len(present) == 0 and not (self.training and self._shares_statistics()):
            # attached to the parameters: under DDP each of them must get a gradient in every step
            nothing = sum((parameter.sum() * 0 for parameter in self.parameters()), depth.new_zeros(()))
            return (nothing.expand(size, self.channels[0], *cells),)
        if len(present) < size:
            depth, intrinsics, valid = depth[present], intrinsics[present], valid[present]
        points = back_project(depth[:, 0].float(), intrinsics.float())
        chosen = choose_foreground(valid.flatten(1), self.n_points, generator=generator)
        cloud = points.flatten(1, 2).gather(1, chosen[..., None].expand(-1, -1, 3))
        features = self.network(cloud)
        targets, occupied = cell_points(points, valid, stride)
        maps = interpolate(features, *three_nearest(targets, cloud))
        maps = torch.where(occupied[:, None], maps, features.mean(dim=2, keepdim=True))
        maps = maps.reshape(*maps.shape[:2], *cells)
        if len(present) < size:
            maps = maps.new_zeros(size, *maps.shape[1:]).index_copy(0, present, maps)
        return (maps,)

    def _shares_statistics(self) -> bool:
        """Whether other processes wait for this one's batch statistics."""
        return any(isinstance(module, nn.SyncBatchNorm) for module in self.modules())


FACTORY = EncoderFactory(make=lambda image_size: PointNetEncoder(), input=PointNetEncoder.input)
"""PointNet++ with the sizes of HCMoCo, registered as `pointnet`; there are no ImageNet weights of points."""
