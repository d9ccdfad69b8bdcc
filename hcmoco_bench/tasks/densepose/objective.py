"""DensePose's training loss: torchvision's detection losses, and the charts' losses at annotated points."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from hcmoco_bench.data.densepose import DensePoseBatch
from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.losses.densepose import (
    ChartPoints,
    ChartWeights,
    densepose_losses,
    resample_segmentation,
)
from hcmoco_bench.models.densepose.rcnn import TrainingOutput
from hcmoco_bench.training.objective import Objective, StepMetric, StepResult

_DETECTION = ("objectness", "proposal_box", "class", "box")
_CHARTS = ("u", "v", "part", "coarse")


class DensePoseObjective(Objective[DensePoseBatch]):
    """The sum of all terms.

    Args:
        weights: Factors on the terms of the charts.
        padded: Whether the network pads images, so that people at their border have cells; see `DensePoseRCNN`.
    """

    def __init__(self, weights: ChartWeights, *, padded: bool = True) -> None:
        self.weights = weights
        self.padded = padded

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms, weighted; `u` and `v` are sums over points, the others means."""
        return (*_DETECTION, *_CHARTS)

    def __call__(
        self, model: nn.Module, batch: DensePoseBatch, *, stage: int, generator: torch.Generator
    ) -> StepResult:
        """The loss of one batch."""
        boxes = [people.boxes for people in batch.people]
        output: TrainingOutput = model(
            network_input(batch),
            batch.sizes,
            boxes,
            [people.annotated for people in batch.people],
            padded=self.padded,
        )
        charts = output.charts
        losses = densepose_losses(
            charts.coarse,
            charts.fine,
            charts.u,
            charts.v,
            chart_points(batch, output),
            coarse_truth(batch, output, charts.coarse.shape[-1]),
            self.weights,
        )
        terms = output.losses | {name: getattr(losses, name) for name in _CHARTS}
        images = torch.tensor(float(len(batch.sample_ids)), device=batch.rgb.device)
        weights = dict.fromkeys(self.columns, images) | {
            "part": torch.full_like(images, losses.points),
            "coarse": torch.full_like(images, losses.cells),
        }
        return StepResult(
            torch.stack(list(terms.values())).sum(),
            {name: StepMetric(value.detach(), weights[name]) for name, value in terms.items()},
        )

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""


def network_input(batch: DensePoseBatch) -> Tensor:
    """(B, 3, H, W) float32 normalized images, 0 beyond each."""
    images = normalize_rgb(batch.rgb)
    for row, (height, width) in enumerate(batch.sizes):
        images[row, :, height:] = 0
        images[row, :, :, width:] = 0
    return images


def chart_points(batch: DensePoseBatch, output: TrainingOutput) -> ChartPoints:
    """The annotated points of each region's person, within the region's box; some lie outside of it."""
    regions, xys, parts, uvs = [], [], [], []
    for number, people in enumerate(batch.people):
        rows = torch.nonzero(output.image == number)[:, 0]
        region, point = torch.nonzero(output.person[rows, None] == people.owner[None], as_tuple=True)
        box = output.boxes[rows[region]]
        regions.append(rows[region])
        xys.append((people.xy[point] - box[:, :2]) / (box[:, 2:] - box[:, :2]))
        parts.append(people.part[point])
        uvs.append(people.uv[point])
    return ChartPoints(torch.cat(regions), torch.cat(xys), torch.cat(parts), torch.cat(uvs))


def coarse_truth(batch: DensePoseBatch, output: TrainingOutput, size: int) -> Tensor:
    """(R, S, S) int64 coarse part of each cell of the regions."""
    found = torch.zeros(len(output.boxes), size, size, dtype=torch.int64, device=output.boxes.device)
    for number, people in enumerate(batch.people):
        rows = torch.nonzero(output.image == number)[:, 0]
        person = output.person[rows]
        which = people.annotated.cumsum(0)[person] - 1
        found[rows] = resample_segmentation(
            people.segmentations, which, people.extents[person], output.boxes[rows], size
        )
    return found
