"""The losses of DensePose's charts: parts and surface coordinates at annotated points, coarse parts in each cell.

The terms and their weights are those of detectron2's `DensePoseChartLoss`. One thing differs on purpose: points are
looked up between the centers of a chart's cells, as charts are read in use, not between their upper left corners, which
shifts everything by half a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

IGNORED = -1
"""Cells of the coarse segmentation whose truth is not known."""


@dataclass(frozen=True)
class ChartPoints:
    """P annotated points in R regions; one point is in several regions where they overlap.

    Attributes:
        region: (P,) int64 row of the region.
        xy: (P, 2) float32 place in the region's box, 0..1 from its upper left corner.
        part: (P,) int64 1..24.
        uv: (P, 2) float32 surface coordinates 0..1.
    """

    region: Tensor
    xy: Tensor
    part: Tensor
    uv: Tensor


@dataclass(frozen=True)
class ChartWeights:
    """Factors on the terms.

    Attributes:
        coordinates: On the *sum* over points of U and of V.
        part: On the mean over points of the fine part.
        coarse: On the mean over cells of the coarse segmentation.
    """

    coordinates: float = 0.01
    part: float = 1.0
    coarse: float = 5.0


@dataclass(frozen=True)
class ChartLosses:
    """The weighted terms, scalars; those without any point or cell are 0.

    Attributes:
        u: Smooth L1 of the first surface coordinate.
        v: Of the second.
        part: Cross entropy of the fine part.
        coarse: Cross entropy of the coarse segmentation.
        points: Number of points inside of their regions.
        cells: Number of cells with coarse truth.
    """

    u: Tensor
    v: Tensor
    part: Tensor
    coarse: Tensor
    points: int
    cells: int

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return self.u + self.v + self.part + self.coarse


def densepose_losses(
    coarse: Tensor,
    fine: Tensor,
    u: Tensor,
    v: Tensor,
    points: ChartPoints,
    segmentation: Tensor,
    weights: ChartWeights | None = None,
) -> ChartLosses:
    """Compare charts with annotations.

    Every chart gets a gradient, of zeros where nothing is annotated, as processes that train together need it.

    Args:
        coarse: (R, K, S, S) logits, K = 2 or 15.
        fine: (R, 25, S, S) logits.
        u: (R, 25, S, S).
        v: (R, 25, S, S).
        points: Points outside of their region (not 0 <= x < 1, 0 <= y < 1) do not count.
        segmentation: (R, S, S) int64 coarse part 0..14 of each cell, or `IGNORED`; with K = 2 all parts are the person.
        weights: None for the published ones.
    """
    weights = weights or ChartWeights()
    inside = ((points.xy >= 0) & (points.xy < 1)).all(dim=1)
    region, xy, part, uv = points.region[inside], points.xy[inside], points.part[inside], points.uv[inside]
    nothing = torch.stack([values.sum() * 0 for values in (coarse, fine, u, v)]).sum()
    terms = {"u": nothing, "v": nothing, "part": nothing, "coarse": nothing}
    if len(region):
        for axis, (name, chart) in enumerate((("u", u), ("v", v))):
            error = functional.smooth_l1_loss(_at_points(chart, region, xy, part), uv[:, axis], reduction="sum")
            terms[name] = nothing + weights.coordinates * error
        scores = _at_points(fine, region, xy)
        terms["part"] = nothing + weights.part * functional.cross_entropy(scores, part)
    known = segmentation != IGNORED
    if known.any():
        truth = torch.where(known, segmentation.clamp(max=coarse.shape[1] - 1), IGNORED)
        terms["coarse"] = nothing + weights.coarse * functional.cross_entropy(coarse, truth, ignore_index=IGNORED)
    return ChartLosses(**terms, points=len(region), cells=int(known.sum()))


def resample_segmentation(segmentations: Tensor, which: Tensor, own: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Coarse parts of the cells of regions, from segmentations of the people's boxes.

    Args:
        segmentations: (A, M, M) coarse parts; M cells span a person's box in each direction.
        which: (R,) int64 row of the segmentation of each region's person.
        own: (R, 4) the person's box x0, y0, x1, y1.
        boxes: (R, 4) the region's box, in the same px.
        size: Side of the charts, S.

    Returns:
        (R, S, S) int64, each cell that of the nearest; 0 outside of the person's box.
    """
    cells = segmentations.shape[-1]
    steps = (torch.arange(size, device=boxes.device, dtype=boxes.dtype) + 0.5) / size
    found, valid = [], []
    for axis in (0, 1):
        place = boxes[:, axis, None] + steps * (boxes[:, axis + 2] - boxes[:, axis])[:, None]
        relative = (place - own[:, axis, None]) / (own[:, axis + 2] - own[:, axis])[:, None]
        valid.append((relative >= 0) & (relative < 1))
        found.append((relative * cells).floor().long().clamp(0, cells - 1))
    parts = segmentations[which[:, None, None], found[1][:, :, None], found[0][:, None, :]].long()
    return torch.where(valid[1][:, :, None] & valid[0][:, None, :], parts, 0)


def _at_points(charts: Tensor, region: Tensor, xy: Tensor, channel: Tensor | None = None) -> Tensor:
    """Bilinear values of (R, C, S, S) charts at P points: (P, C), or (P,) of one channel each."""
    size = charts.shape[-1]
    place = (xy * size - 0.5).clamp(0, size - 1)
    low = place.floor().long().clamp(max=size - 1)
    high = (low + 1).clamp(max=size - 1)
    share = place - low

    def cell(y: Tensor, x: Tensor) -> Tensor:
        return charts[region, :, y, x] if channel is None else charts[region, channel, y, x]

    across, down = (share[:, axis] if channel is not None else share[:, axis, None] for axis in (0, 1))
    upper = torch.lerp(cell(low[:, 1], low[:, 0]), cell(low[:, 1], high[:, 0]), across)
    lower = torch.lerp(cell(high[:, 1], low[:, 0]), cell(high[:, 1], high[:, 0]), across)
    return torch.lerp(upper, lower, down)
