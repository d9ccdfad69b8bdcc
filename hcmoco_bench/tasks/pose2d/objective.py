"""The training loss of 2-D pose: squared differences of heatmaps."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.pose2d_crops import PoseBatch
from hcmoco_bench.tasks.pose2d.heatmaps import Encoding, HeatmapGrid, target_heatmaps
from hcmoco_bench.training.objective import Objective, StepMetric, StepResult


class HeatmapObjective(Objective[PoseBatch]):
    """Half the mean squared difference to the target heatmaps; joints of weight 0 add nothing, as published.

    Source: `JointsMSELoss` of https://github.com/leoxiaobin/deep-high-resolution-net.pytorch.

    Args:
        sigma: Standard deviation of the Gaussians, cells.
        encoding: How joints become heatmaps.
    """

    def __init__(self, sigma: float, encoding: Encoding) -> None:
        self.sigma, self.encoding = sigma, encoding

    @property
    def columns(self) -> tuple[str, ...]:
        """The loss, and the mean distance between the largest cells of heatmap and target, in cells."""
        return ("heatmaps", "error_cells")

    def __call__(self, model: nn.Module, batch: PoseBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss of one batch."""
        heatmaps = model(normalize_rgb(batch.rgb)).float()
        height, width = heatmaps.shape[-2:]
        grid = HeatmapGrid.of((batch.rgb.shape[-2], batch.rgb.shape[-1]), (height, width), self.encoding)
        target, weights = target_heatmaps(batch.joints, batch.known, grid, (height, width), self.sigma)
        loss = 0.5 * ((heatmaps - target) ** 2 * weights[..., None, None] ** 2).mean()
        with torch.no_grad():
            places = [maps.flatten(2).argmax(2) for maps in (heatmaps, target)]
            x, y = ((of[0] - of[1]).float() for of in zip(*((p % width, p // width) for p in places), strict=True))
            error = ((x**2 + y**2).sqrt() * weights).sum() / weights.sum().clamp(min=1.0)
        number = torch.tensor(float(len(batch.rgb)), device=loss.device)
        return StepResult(
            loss, {"heatmaps": StepMetric(loss.detach(), number), "error_cells": StepMetric(error, weights.sum())}
        )

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""
