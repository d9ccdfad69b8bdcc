"""The training loss of the task `pose3d`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.pose3d_crops import BOX_METERS, ROOT, PoseBatch
from hcmoco_bench.losses.integral_pose import integral_pose_loss
from hcmoco_bench.models.integral_pose import PosePlaces
from hcmoco_bench.training.objective import Objective, StepMetric, StepResult

_MM = 1000.0


class IntegralPoseObjective(Objective[PoseBatch]):
    """Integral regression's loss over all crops of a batch."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The loss, and the mean distance of the joints about the root in mm, at the root's true distance."""
        return ("loss", "error_mm")

    def __call__(self, model: nn.Module, batch: PoseBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss of one batch."""
        found: PosePlaces = model(normalize_rgb(batch.rgb))
        target = batch.target.float()
        size = batch.rgb.shape[-1]
        loss = integral_pose_loss(found.places, found.depths, target, size=size, depth_range=BOX_METERS)
        weight = torch.tensor(float(len(batch)), device=batch.rgb.device)
        values = {"loss": loss.detach(), "error_mm": _error(found, batch)}
        return StepResult(loss, {name: StepMetric(value, weight) for name, value in values.items()})

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""


@torch.no_grad()
def _error(found: PosePlaces, batch: PoseBatch) -> torch.Tensor:
    root_z = batch.joints[:, ROOT, 2]
    given = batch.to_camera(found.places, found.depths, root_z)
    true = batch.to_camera(batch.target[..., :2], batch.target[..., 2], root_z)
    off = (given - given[:, [ROOT]]) - (true - true[:, [ROOT]])
    return _MM * off.square().sum(-1).sqrt().mean().float()
