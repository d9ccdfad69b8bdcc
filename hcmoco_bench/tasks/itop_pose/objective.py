"""The training loss of the ITOP task."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from hcmoco_bench.data.itop_crops import JointBatch
from hcmoco_bench.data.normalize import normalize_depth
from hcmoco_bench.losses.a2j import a2j_loss
from hcmoco_bench.models.anchor_votes import JointVotes
from hcmoco_bench.training.objective import Objective, StepMetric, StepResult


class A2JObjective(Objective[JointBatch]):
    """A2J's loss over all crops of a batch."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The two parts of the loss, and the mean distance of the joints in cm."""
        return ("anchors", "regression", "error_cm")

    def __call__(self, model: nn.Module, batch: JointBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss of one batch."""
        votes: JointVotes = model(normalize_depth(batch.depth))
        loss = a2j_loss(votes.anchors, votes.places, votes.depths, batch.target)
        error = 100 * (batch.to_world(votes.places, votes.depths) - batch.world).norm(dim=-1).mean()
        weight = torch.tensor(float(len(batch)), device=batch.depth.device)
        parts = {"anchors": loss.anchors, "regression": loss.regression, "error_cm": error}
        return StepResult(loss.total, {name: StepMetric(value.detach(), weight) for name, value in parts.items()})

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""
