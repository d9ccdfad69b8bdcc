"""The settings of a fine-tuning run; each task has defaults of its own, those of its paper."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class FinetuneConfig(BaseModel):
    """A fine-tuning run in full.

    Attributes:
        task: Name of the task.
        protocol: How is trained and scored; one of the task's.
        stores: Prepared stores; the first is the labeled one, a task may mix in others.
        root: Folder of the data in its own published layout, for tasks that read that.
        backbone: The encoder: any timm backbone with features, or what else the task knows (`pointnet`).
        ckpt: Path of a pre-training checkpoint of this tool whose encoder is taken; None for `init`.
        init: First weights without a checkpoint: `scratch`, `imagenet`, or the path of a weight file.
        ratio: Share of the training data: 1, or one for which the data declares a split.
        image_size: Side of the input, px; what it means beyond that is the task's and protocol's.
        batch_size: Samples a step, over all processes and accumulated batches.
        eval_batch_size: Samples a batch in scoring, in one process.
        accumulate: Batches that make a step.
        epochs: Number of epochs.
        optimizer: sgd or adam.
        lr: Base learning rate.
        momentum: Of SGD.
        weight_decay: Of either.
        schedule: Of the learning rate, by step: cosine (to `final_lr`), poly (1 - t)^`poly_power`, step (times
            `step_factor` every `step_epochs` epochs), multistep (the same at the ends of `milestones`), constant.
        final_lr: Factor on `lr` at the end of the cosine.
        poly_power: Power of poly.
        step_epochs: Epochs between two steps.
        milestones: Epochs after which multistep falls.
        step_factor: What a step multiplies by.
        warmup_epochs: Linear warm-up.
        clip: Largest norm of the gradient; None for no limit.
        precision: fp32, or bf16 (autocast; losses and weights stay fp32), in training and scoring.
        compile: Compile the model with torch.compile.
        channels_last: Memory layout of the model; faster on most GPUs.
        sync_batch_norm: Batch statistics over all processes.
        validation_share: Share of the training data held out for choosing an epoch; 0 for none.
        choose: The epoch whose weights count: `last`, or `best`: by the main score on the validation share, or, under
            `published` without one, on the test split (a leak; results say so).
        evaluate_every: Epochs between two evaluations when choosing.
        workers: Processes that load data, per training process; does not change the result.
        seed: Of everything that is drawn.
        trackers: Where the figures go beside the CSV: tensorboard, wandb, trackio.
        log_every: Steps between two lines of the CSV.
        checkpoint_minutes: Minutes between two checkpoints.
        checkpoint_every: Steps between two checkpoints, in addition.
        options: Settings of the task alone; see its options.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    protocol: str = "native"
    stores: tuple[str, ...] = ()
    root: str | None = None
    backbone: str = "hrnet_w18"
    ckpt: str | None = None
    init: str = "imagenet"
    ratio: float = Field(default=1.0, gt=0, le=1)
    image_size: int = Field(default=320, ge=32)
    batch_size: int = Field(default=16, ge=1)
    eval_batch_size: int = Field(default=16, ge=1)
    accumulate: int = Field(default=1, ge=1)
    epochs: int = Field(default=50, ge=1)
    optimizer: Literal["sgd", "adam"] = "sgd"
    lr: float = Field(default=0.01, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=1e-4, ge=0)
    schedule: Literal["cosine", "poly", "step", "multistep", "constant"] = "poly"
    final_lr: float = Field(default=0.001, ge=0, le=1)
    poly_power: float = Field(default=0.9, gt=0)
    step_epochs: float = Field(default=10, gt=0)
    milestones: tuple[float, ...] = ()
    step_factor: float = Field(default=0.1, gt=0, le=1)
    warmup_epochs: float = Field(default=0.0, ge=0)
    clip: float | None = Field(default=None, gt=0)
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    channels_last: bool = False
    sync_batch_norm: bool = False
    validation_share: float = Field(default=0.0, ge=0, lt=1)
    choose: Literal["last", "best"] = "last"
    evaluate_every: int = Field(default=1, ge=1)
    workers: int = Field(default=0, ge=0)
    seed: int = Field(default=0, ge=0)
    trackers: tuple[str, ...] = ()
    log_every: int = Field(default=1, ge=1)
    checkpoint_minutes: float = Field(default=5.0, gt=0)
    checkpoint_every: int | None = Field(default=None, ge=1)
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> FinetuneConfig:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs is {self.warmup_epochs}, but there are {self.epochs} epochs")
        if self.schedule == "multistep" and not self.milestones:
            raise ValueError("the schedule multistep needs milestones, e.g. milestones=[60, 80]")
        if self.ckpt is not None and not self.ckpt:
            raise ValueError("ckpt is empty")
        return self

    def to_dict(self) -> dict[str, Any]:
        """The settings as plain values, as they stand in checkpoints and in the run's `config.json`."""
        return self.model_dump(mode="json")


FREE_TO_CHANGE = frozenset({"workers", "trackers", "log_every", "checkpoint_minutes", "checkpoint_every", "compile"})
"""Settings that a resumed run may change: they do not change what is learned."""
