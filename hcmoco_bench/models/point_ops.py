"""Operations on point clouds: farthest-point sampling, ball query, three-nearest interpolation, grouping.

Qi et al., "PointNet++", NeurIPS 2017 (https://arxiv.org/abs/1706.02413), sections 3.2 and 3.3. Everything is a batched
tensor expression, the same on CPU and GPU. Indices carry no gradients; distances are formed in float32 coordinate by
coordinate, never through a matrix product, whose rounding is larger than the smallest balls. Distance tables are made
in pieces of bounded size.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hcmoco_bench.errors import UsageError

TABLE_ENTRIES = 1 << 26
"""Largest number of entries of a piece of the distance table: 256 MB in float32."""


@torch.no_grad()
def farthest_point_sample(points: Tensor, n_samples: int, *, distinct: bool = False) -> Tensor:
    """Choose points that cover the cloud: each is the one farthest from those before it; the first is point 0.

    The first k samples are themselves the farthest-point sample of size k, also of the chosen points alone.

    Args:
        points: (B, N, 3) float coordinates.
        n_samples: Number of points to choose.
        distinct: Choose no index twice. Where the cloud has copies of points, this matters after every place is taken:
            the copies then follow in their order, while otherwise point 0 comes again and again, as published.

    Returns:
        (B, n_samples) int64 indices.

    Raises:
        UsageError: If there are no points, or fewer than are to be distinct.
    """
    size, n_points, _ = points.shape
    if n_points == 0:
        raise UsageError("a cloud without points cannot be sampled; leave such samples out")
    if distinct and n_samples > n_points:
        raise UsageError(f"a cloud of {n_points} points has no {n_samples} distinct ones; ask for fewer")
    x, y, z = points.float().unbind(dim=2)
    chosen = torch.zeros(size, n_samples, dtype=torch.int64, device=points.device)
    nearest = torch.full((size, n_points), torch.inf, device=points.device)
    last = chosen[:, :1]
    for step in range(1, n_samples):
        distance = (x - x.gather(1, last)).square_()
        distance += (y - y.gather(1, last)).square_()
        distance += (z - z.gather(1, last)).square_()
        torch.minimum(nearest, distance, out=nearest)
        if distinct:
            nearest.scatter_(1, last, -1.0)
        last = nearest.argmax(dim=1, keepdim=True)
        chosen[:, step : step + 1] = last
    return chosen


@torch.no_grad()
def ball_query(points: Tensor, centers: Tensor, radii: Sequence[float], counts: Sequence[int]) -> list[Tensor]:
    """Points within a distance of each center, for several distances at once.

    The first `count` points closer than `radius`, in the order of the cloud; where there are fewer, the first of them
    fills the rest; where there is none, the nearest point does.

    Args:
        points: (B, N, 3) float coordinates.
        centers: (B, M, 3) float coordinates.
        radii: Distance for each scale, in the unit of the coordinates.
        counts: Number of neighbors for each scale.

    Returns:
        For each scale (B, M, count) int64 indices into the N points.
    """
    n_points = points.shape[1]
    order = torch.arange(n_points, dtype=torch.int32, device=points.device)
    pieces: list[list[Tensor]] = [[] for _ in radii]
    for distances in _distance_tables(centers, points):
        nearest = distances.argmin(dim=2, keepdim=True)
        for scale, (radius, count) in enumerate(zip(radii, counts, strict=True)):
            keys = torch.where(distances < radius, order, n_points)
            taken = min(count, n_points)
            first = keys.topk(taken, dim=2, largest=False, sorted=True).values.long()
            if taken < count:
                first = torch.cat([first, first.new_full((*first.shape[:2], count - taken), n_points)], dim=2)
            filler = torch.where(first[..., :1] == n_points, nearest, first[..., :1])
            pieces[scale].append(torch.where(first == n_points, filler, first))
    return [torch.cat(parts, dim=1) for parts in pieces]


@torch.no_grad()
def three_nearest(targets: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
    """The three points nearest to each target, and their weights by inverse distance.

    Args:
        targets: (B, M, 3) float coordinates.
        points: (B, N, 3) float coordinates; with fewer than three points the nearest one counts again.

    Returns:
        (B, M, 3) int64 indices, nearest first, and (B, M, 3) float32 weights that sum to 1.
    """
    indices, weights = [], []
    n_nearest = min(3, points.shape[1])
    for table in _distance_tables(targets, points):
        distances, index = table.topk(n_nearest, dim=2, largest=False, sorted=True)
        if n_nearest < 3:
            repeat = [0] * (3 - n_nearest)
            distances = torch.cat([distances, distances[..., repeat]], dim=2)
            index = torch.cat([index, index[..., repeat]], dim=2)
        weight = 1 / (distances + 1e-8)
        indices.append(index)
        weights.append(weight / weight.sum(dim=2, keepdim=True))
    return torch.cat(indices, dim=1), torch.cat(weights, dim=1)


def group(features: Tensor, index: Tensor) -> Tensor:
    """Pick features: (B, C, N) and (B, ...) int64 indices into N give (B, C, ...)."""
    size, channels, _ = features.shape
    flat = index.flatten(1)[:, None].expand(-1, channels, -1)
    return features.gather(2, flat).reshape(size, channels, *index.shape[1:])


def interpolate(features: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of picked features.

    Args:
        features: (B, C, N).
        index: (B, M, 3) int64.
        weights: (B, M, 3).

    Returns:
        (B, C, M) in the type of the features.
    """
    return (group(features, index) * weights[:, None].to(features.dtype)).sum(dim=3)


def _distance_tables(rows: Tensor, columns: Tensor) -> Iterator[Tensor]:
    """Euclidean distances (B, m, N), float32, for pieces of the M rows."""
    if columns.shape[1] == 0:
        raise UsageError("a cloud without points has no neighbors; leave such samples out")
    step = max(1, TABLE_ENTRIES // max(1, len(rows) * columns.shape[1]))
    columns = columns.float()
    for piece in torch.split(rows.float(), step, dim=1):
        yield torch.cdist(piece, columns, compute_mode="donot_use_mm_for_euclid_dist")
