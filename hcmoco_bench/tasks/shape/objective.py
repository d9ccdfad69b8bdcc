"""The training loss of the shape task."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hcmoco_bench.data.normalize import normalize_rgb
from hcmoco_bench.data.shape_crops import ShapeBatch
from hcmoco_bench.losses.body import BodyTensors, body_loss
from hcmoco_bench.models.shape_regression import BodyEstimate
from hcmoco_bench.tasks.shape.bodies import TaskBodies, posed, posed_by_number
from hcmoco_bench.tasks.shape.settings import LossWeights
from hcmoco_bench.training.objective import Objective, StepMetric, StepResult


class ShapeObjective(Objective[ShapeBatch]):
    """The weighted sum of the terms of `losses.body`.

    Args:
        bodies: The body models.
        weights: Factors on the terms.
    """

    def __init__(self, bodies: TaskBodies, weights: LossWeights) -> None:
        self.bodies, self.weights = bodies, weights

    @property
    def columns(self) -> tuple[str, ...]:
        """The terms without their weights, and the mean distance of the joints in mm."""
        return ("pose", "shape", "joints3d", "joints2d", "vertices", "mpjpe_mm")

    def __call__(self, model: nn.Module, batch: ShapeBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss of one batch."""
        estimate: BodyEstimate = model(normalize_rgb(batch.rgb))
        bodies = self.bodies.to(batch.rgb.device)
        with torch.no_grad():
            true = posed_by_number(bodies.true, batch.model, batch.shape, batch.rotations)
            place = (batch.root - true.root)[:, None]
            same = torch.tensor([one is bodies.estimated for one in bodies.true], device=batch.rgb.device)[batch.model]
            target = BodyTensors(
                batch.rotations, batch.shape, true.joints, batch.places(true.joints + place), true.vertices
            )
        found = posed(bodies.estimated, estimate.shape, estimate.rotations)
        prediction = BodyTensors(
            estimate.rotations, estimate.shape, found.joints, estimate.project(found.joints), found.vertices
        )
        loss, weights = body_loss(prediction, target, same), self.weights
        terms = {name: getattr(loss, name) for name in self.columns[:-1]}
        total = sum((getattr(weights, name) * term for name, term in terms.items()), start=terms["pose"] * 0)
        error = 1000 * (found.joints - true.joints).detach().norm(dim=-1).mean()
        number = torch.tensor(float(len(batch)), device=batch.rgb.device)
        return StepResult(
            total, {name: StepMetric(value.detach(), number) for name, value in (terms | {"mpjpe_mm": error}).items()}
        )

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""
