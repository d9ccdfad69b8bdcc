"""Settings of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Schedule: TypeAlias = Literal["cosine", "poly", "step", "multistep", "constant"]


@dataclass(frozen=True)
class Stage:
    """A part of the training with an optimizer and a schedule of its own.

    Attributes:
        name: For messages and the table.
        epochs: Number of epochs; 0 leaves the stage out.
    """

    name: str
    epochs: int


@dataclass(frozen=True)
class LoopOptions:
    """How to optimize, and how often to write.

    Attributes:
        optimizer: sgd or adam.
        lr: Base learning rate.
        momentum: Of SGD.
        weight_decay: On all parameters.
        schedule: Of the learning rate over a stage: cosine (half a cosine down to `final_lr`), poly
            ((1 - t)^`poly_power`), step (times `step_factor` after every `step_epochs` epochs), multistep (the same
            after each of `milestones`), constant.
        final_lr: Factor on `lr` at the end of the cosine.
        poly_power: Power of poly.
        step_epochs: Epochs between two steps.
        milestones: Epochs after which multistep falls.
        step_factor: Factor of a step.
        warmup_epochs: Epochs of linear warm-up at a stage's start.
        clip: Largest norm of the gradient; None leaves it as it is.
        precision: fp32, or bf16 (autocast; weights and losses stay fp32).
        accumulate: Batches a step.
        seed: Of everything the loop draws.
        log_every: Steps between two lines of the table.
        checkpoint_minutes: Time between two checkpoints.
        checkpoint_every: Steps between two checkpoints, in addition; None for time alone.
    """

    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 1e-4
    schedule: Schedule = "cosine"
    final_lr: float = 0.001
    poly_power: float = 0.9
    step_epochs: float = 10.0
    milestones: tuple[float, ...] = ()
    step_factor: float = 0.1
    warmup_epochs: float = 0.0
    clip: float | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    accumulate: int = 1
    seed: int = 0
    log_every: int = 1
    checkpoint_minutes: float = 5.0
    checkpoint_every: int | None = None
