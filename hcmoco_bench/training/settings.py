"""How a run optimizes: the settings that pre-training and fine-tuning share and that the loop reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from hcmoco_bench.runtime.settings import Added, Bookkeeping, Flag, Location, Settings, TrainingOnly


@dataclass(frozen=True)
class Stage:
    """A part of the training with optimizers and schedules of its own.

    Attributes:
        name: Name in messages and in the table of losses.
        epochs: Number of epochs; 0 leaves the stage out.
    """

    name: str
    epochs: int


Precision: TypeAlias = Literal["auto", "fp32", "bf16"]


class OptimizationSettings(Settings):
    """Everything that the training loop reads."""

    section: ClassVar[str] = "Optimization"

    batch_size: Annotated[int, Field(ge=1), TrainingOnly()] = 16
    """Samples per step, over all processes and accumulated batches."""
    accumulate: Annotated[int, Field(ge=1), TrainingOnly()] = 1
    """Number of batches that make one step."""
    optimizer: Annotated[Literal["sgd", "adam"], TrainingOnly()] = "sgd"
    """Optimizer."""
    lr: Annotated[float, Field(gt=0), TrainingOnly()] = 0.03
    """Base learning rate."""
    momentum: Annotated[float, Field(ge=0, lt=1), TrainingOnly()] = 0.9
    """Momentum of SGD."""
    weight_decay: Annotated[float, Field(ge=0), TrainingOnly()] = 1e-4
    """Weight decay on all parameters."""
    schedule: Annotated[Literal["cosine", "poly", "step", "multistep", "constant"], TrainingOnly()] = "cosine"
    """Course of the learning rate over a stage: cosine (half a cosine down to `final_lr`), poly
    ((1 - t)^`poly_power`), step (times `step_factor` after every `step_epochs` epochs), multistep (times `step_factor`
    after each of `milestones`), or constant."""
    schedule_at: Annotated[Literal["step", "epoch_start", "epoch_end"], TrainingOnly(), Added()] = "step"
    """Where the course is read: at every step, or once per epoch, at its start or at its end. A warm-up always rises by
    step."""
    final_lr: Annotated[float, Field(ge=0, le=1), TrainingOnly()] = 0.001
    """Factor on `lr` at the end of the cosine."""
    poly_power: Annotated[float, Field(gt=0), TrainingOnly()] = 0.9
    """Power of the polynomial schedule."""
    step_epochs: Annotated[float, Field(gt=0), TrainingOnly()] = 10.0
    """Epochs between two steps of the step schedule."""
    milestones: Annotated[tuple[float, ...], TrainingOnly()] = ()
    """Epochs after which the multistep schedule falls."""
    step_factor: Annotated[float, Field(gt=0, le=1), TrainingOnly()] = 0.1
    """Factor on the learning rate at each step or milestone."""
    warmup_epochs: Annotated[float, Field(ge=0), TrainingOnly()] = 0.0
    """Epochs of linear warm-up at the start of each stage."""
    clip: Annotated[float | None, Field(gt=0), TrainingOnly()] = None
    """Largest norm of the gradient; none leaves the gradient as it is."""
    precision: Precision = "fp32"
    """Precision of the networks: fp32; bf16 (autocast; weights and losses stay fp32); or auto, which is bf16 on devices
    that compute in it and fp32 on others, where bf16 would be slower."""
    compile: Annotated[bool, Bookkeeping()] = False
    """Compile the networks with torch.compile."""
    channels_last: bool = False
    """Keep images and networks in channels-last memory order, which is faster on most GPUs."""
    sync_batch_norm: Annotated[bool, TrainingOnly()] = False
    """Compute batch statistics over all processes."""
    seed: Annotated[int, Field(ge=0), Location()] = 0
    """Seed of everything that is drawn."""
    workers: Annotated[int, Field(ge=0), Bookkeeping()] = 0
    """Processes that load data, per training process; the result does not depend on it."""
    trackers: Annotated[tuple[str, ...], Flag("--tracker"), Bookkeeping(), TrainingOnly()] = ()
    """Where losses and scores are logged besides the CSV file: tensorboard, wandb or trackio."""
    log_every: Annotated[int, Field(ge=1), Bookkeeping(), TrainingOnly()] = 1
    """Steps between two lines of the CSV file."""
    checkpoint_minutes: Annotated[float, Field(gt=0), Bookkeeping(), TrainingOnly()] = 5.0
    """Minutes between two checkpoints."""
    checkpoint_every: Annotated[int | None, Field(ge=1), Bookkeeping(), TrainingOnly()] = None
    """Steps between two checkpoints, in addition to `checkpoint_minutes`; none for time alone."""

    def without_effect(self) -> frozenset[str]:
        """See `Settings.without_effect`."""
        used = {"cosine": {"final_lr"}, "poly": {"poly_power"}, "step": {"step_epochs", "step_factor"}}
        used["multistep"] = {"milestones", "step_factor"}
        idle = set().union(*used.values()) - used.get(self.schedule, set())
        if self.schedule == "constant":
            idle.add("schedule_at")
        if self.optimizer != "sgd":
            idle.add("momentum")
        return super().without_effect() | idle
