"""The optimizers of a run: usually one; an adversarial method has several, each with a rate and steps of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from hcmoco_bench.training.schedule import make_schedule
from hcmoco_bench.training.settings import OptimizationSettings

ParameterGroups: TypeAlias = Sequence[dict[str, Any]]
"""Groups of parameters as PyTorch's optimizers take them (`params`, and `lr`, `weight_decay`, ... of their own)."""


@dataclass(frozen=True)
class OptimizerPlan:
    """One optimizer of a run.

    Attributes:
        name: Name in checkpoints and in the table of losses.
        settings: Optimizer, rate, schedule, warm-up and clipping.
        groups: From the model, the parameters that it trains; None for all that require gradients.
        every: Steps of the run from one step of this optimizer to the next; 1 for every step.
        first_beta: Adam's first beta, the share of the mean gradient that each step keeps; SGD has `momentum` instead.
    """

    name: str
    settings: OptimizationSettings
    groups: Callable[[nn.Module], ParameterGroups] | None = None
    every: int = 1
    first_beta: float = 0.9


class PlannedOptimizer:
    """An optimizer with its schedule in one stage of a run.

    Args:
        plan: Its description.
        model: The model, as the loop calls it.
        inner: The same model without the wrapper of several processes.
        epochs: Epochs of the stage.
        steps_per_epoch: Steps of the run in an epoch.
    """

    def __init__(
        self, plan: OptimizerPlan, model: nn.Module, inner: nn.Module, *, epochs: int, steps_per_epoch: int
    ) -> None:
        self.plan = plan
        parameters: Any = [dict(group) for group in plan.groups(inner)] if plan.groups else None
        if parameters is None:
            parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
            self._own = None
        else:
            self._own = [parameter for group in parameters for parameter in group["params"]]
        self.model = model
        settings = plan.settings
        self.optimizer: Optimizer
        if settings.optimizer == "adam":
            self.optimizer = torch.optim.Adam(
                parameters, lr=settings.lr, betas=(plan.first_beta, 0.999), weight_decay=settings.weight_decay
            )
        else:
            self.optimizer = torch.optim.SGD(
                parameters, lr=settings.lr, momentum=settings.momentum, weight_decay=settings.weight_decay
            )
        self.scheduler: LambdaLR = make_schedule(
            self.optimizer, settings, epochs=epochs, steps_per_epoch=steps_per_epoch
        )

    @property
    def lr(self) -> float:
        """Learning rate of the next step (of the first group of parameters)."""
        return float(self.scheduler.get_last_lr()[0])

    def is_due(self, step: int) -> bool:
        """Whether this optimizer takes part in a step of the run, counted from 0."""
        return step % self.plan.every == 0

    def step(self, step: int) -> None:
        """Move the parameters if it is this optimizer's turn in a step of the run; the schedule goes on in any case."""
        if self.is_due(step):
            self.optimizer.step()
        self.scheduler.step()

    def clip_gradients(self, device: torch.device) -> torch.Tensor:
        """Clip the gradients as the settings ask for; returns their norm before that, 0 without any."""
        limit = float("inf") if self.plan.settings.clip is None else self.plan.settings.clip
        parameters = self.model.parameters() if self._own is None else self._own
        found = [parameter for parameter in parameters if parameter.grad is not None]
        if not found:
            return torch.zeros((), device=device)
        return torch.nn.utils.clip_grad_norm_(found, limit)

    def state_dict(self) -> dict[str, Any]:
        """States of optimizer and schedule, for a checkpoint."""
        return {"optimizer": self.optimizer.state_dict(), "scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put both states back."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
