"""Settings of the loop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Stage:
    """A part of the training with an optimiser and a schedule of its own.

    Attributes:
        name: For messages and the table.
        epochs: Number of epochs; 0 leaves the stage out.
    """

    name: str
    epochs: int


@dataclass(frozen=True)
class LoopOptions:
    """How to optimise, and how often to write.

    Attributes:
        lr: Base learning rate of SGD.
        momentum: Of SGD.
        weight_decay: Of SGD, on all parameters.
        final_lr: Factor on `lr` at a stage's end.
        warmup_epochs: Epochs of linear warm-up at a stage's start.
        clip: Largest norm of the gradient; None leaves it as it is.
        precision: fp32, or bf16 (autocast; weights and losses stay fp32).
        accumulate: Batches a step.
        seed: Of everything the loop draws.
        log_every: Steps between two lines of the table.
        checkpoint_minutes: Time between two checkpoints.
        checkpoint_every: Steps between two checkpoints, in addition; None for time alone.
    """

    lr: float = 0.03
    momentum: float = 0.9
    weight_decay: float = 1e-4
    final_lr: float = 0.001
    warmup_epochs: float = 0.0
    clip: float | None = None
    precision: Literal["fp32", "bf16"] = "fp32"
    accumulate: int = 1
    seed: int = 0
    log_every: int = 1
    checkpoint_minutes: float = 5.0
    checkpoint_every: int | None = None
