"""Dense intra-sample objective: a pixel's RGB feature finds the depth feature of the same place."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses.term import LossTerm, mean_term


def dense_loss(
    rgb: Tensor,
    depth: Tensor,
    foreground: Tensor,
    valid: Tensor,
    *,
    points: int = 400,
    temperature: float = 0.07,
    soft: bool = True,
    generator: torch.Generator | None = None,
    point_index: Tensor | None = None,
) -> LossTerm:
    """Contrast RGB and depth features at points of the person, both ways.

    Eq. 3 to 5 of HCMoCo (https://arxiv.org/abs/2203.13815). In each image, points are drawn on the person uniformly and
    with replacement. Each point's RGB feature is compared with the depth features of all points of that image, and the
    other way round. The soft target of a point is `softmax(-distance)` over the points, distances in cells of the
    feature grid: neighbors may look alike. (Eq. 4 prints the sign the other way; the published code has this one.)
    The hard target is the point itself.

    Images without person, or left out by `valid`, get no gradient. Under `torch.distributed` each rank brings its part
    of the batch and gets the mean over all of it.

    Args:
        rgb: (B, C, h, w) features, normalized here.
        depth: (B, C, h, w) features of the aligned depth.
        foreground: (B, H, W) bool, the person, at the resolution of the input or of the features.
        valid: (B,) bool, images with both RGB and depth.
        points: Points of an image; 400 as published.
        temperature: 0.07 as published.
        soft: Soft or hard target.
        generator: Draws the points; on any device. None: torch's global one.
        point_index: (B, P) int64, cells `y * w + x` to use instead of drawn ones.

    Returns:
        The sum of both directions' means over points (as published); the mean of their accuracies, where any point in
        the anchor's own cell is right; the number of anchors of both.

    Example:
        >>> rgb, depth = torch.randn(2, 4, 128, 80, 80, requires_grad=True)
        >>> person = torch.zeros(4, 320, 320, dtype=torch.bool)
        >>> person[:, 100:220, 140:180] = True
        >>> dense_loss(rgb, depth, person, torch.ones(4, dtype=torch.bool)).value.backward()
    """
    size = (rgb.shape[2], rgb.shape[3])
    person = functional.interpolate(foreground[:, None].float(), size=size, mode="nearest").flatten(1) > 0
    if point_index is None:
        valid = valid & person.any(1)
        point_index = _draw_points(person, points, generator)
    with torch.autocast(rgb.device.type, enabled=False):
        cells = point_index[valid]
        from_rgb, from_depth = (_features_at(maps, point_index)[valid] for maps in (rgb, depth))
        logits = torch.bmm(from_rgb.transpose(1, 2), from_depth) / temperature
        if soft:
            weights = _soft_target(cells, size[1])
            to_depth, to_rgb = (weights * logits).sum(2), (weights * logits.transpose(1, 2)).sum(2)
        else:
            to_depth = to_rgb = logits.diagonal(dim1=1, dim2=2)
        losses = torch.stack([logits.logsumexp(2) - to_depth, logits.logsumexp(1) - to_rgb])
        if cells.numel():
            nearest = torch.stack([logits.detach().argmax(2), logits.detach().argmax(1)])
            first = cells.expand_as(nearest).gather(2, nearest) == cells
        else:
            first = torch.zeros_like(losses, dtype=torch.bool)
        term = mean_term(losses.flatten(), first.flatten(), torch.ones_like(first).flatten())
    return LossTerm(2 * term.value, term.accuracy, term.count)


def _draw_points(person: Tensor, points: int, generator: torch.Generator | None) -> Tensor:
    """(B, points) int64, uniform over the true cells of (B, h * w); cell 0 or so where there is none."""
    device = person.device if generator is None else generator.device
    uniform = torch.rand(len(person), points, generator=generator, device=device).to(person.device)
    rank = person.cumsum(1)
    total = rank[:, -1:]
    wanted = torch.minimum((uniform * total).long() + 1, total)  # float32 may round up to the total
    return torch.searchsorted(rank, wanted).clamp_(max=person.shape[1] - 1)


def _features_at(maps: Tensor, cells: Tensor) -> Tensor:
    """(B, C, P) float32 unit features of (B, C, h, w) at cells (B, P)."""
    picked = maps.flatten(2).gather(2, cells[:, None].expand(-1, maps.shape[1], -1))
    return functional.normalize(picked.float(), dim=1)


def _soft_target(cells: Tensor, width: int) -> Tensor:
    """(n, P, P) softmax over the last axis of minus the distance between cells; symmetric before it."""
    places = torch.stack([cells // width, cells % width], 2).float()
    # The exact way: through products, distances of neighbors would lose their digits.
    distance = torch.cdist(places, places, compute_mode="donot_use_mm_for_euclid_dist")
    return torch.softmax(-distance, 2)
