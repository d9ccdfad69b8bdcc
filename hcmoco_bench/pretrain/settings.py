"""The settings that every pre-training has; a method derives its own model from `PretrainSettings`."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from hcmoco_bench.models.settings import NetworkSettings
from hcmoco_bench.runtime.settings import Flag, Location, Paper
from hcmoco_bench.training.settings import OptimizationSettings


class PretrainSettings(NetworkSettings, OptimizationSettings):
    """A pre-training run in full; without arguments, as the method's paper has it."""

    section: ClassVar[str] = "Pre-training"
    defaults: ClassVar[dict[str, Any]] = {"trackers": ("tensorboard",)}

    method: str = ""
    """Name of the method."""
    backbone: Annotated[str, Paper()] = "hrnet_w18"
    """Encoder of RGB images: any timm backbone with features, or a registered encoder."""
    init: Annotated[str, Paper()] = "imagenet"
    """First weights: `scratch`, `imagenet`, or the path of a checkpoint or weight file. A pre-training, also one by
    HCMoCo's own code, gives all its networks, and its memory bank where the size fits."""
    stores: Annotated[tuple[str, ...], Flag("--store"), Location()] = ()
    """Prepared stores to learn from; several are mixed in equal shares."""
    overlap: Literal["leave_out", "keep"] = "leave_out"
    """What becomes of unlabeled samples (`prepare --set pretrain`) whose clip is also in a store of labeled frames of
    the same mixture, or whose performer is in that store's test split: leave_out or keep."""
    image_size: Annotated[int, Field(ge=32, multiple_of=32), Flag("--size"), Paper()] = 320
    """Side of the square crops in pixels."""


class TwoStages(OptimizationSettings):
    """Training in two stages, each with an optimizer and a schedule of its own."""

    section: ClassVar[str] = "Stages"
    joined: ClassVar[dict[str, tuple[str, ...]]] = {"--epochs": ("stage1_epochs", "stage2_epochs")}

    stage1_epochs: Annotated[int, Field(ge=0), Paper()] = 100
    """Epochs of the first stage, which has the sample level alone."""
    stage2_epochs: Annotated[int, Field(ge=0), Paper()] = 100
    """Epochs of the second stage, which has all terms."""

    @model_validator(mode="after")
    def _check_stages(self) -> TwoStages:
        if self.stage1_epochs + self.stage2_epochs == 0:
            raise ValueError("both stages have 0 epochs; give stage1_epochs or stage2_epochs")
        for epochs in (self.stage1_epochs, self.stage2_epochs):
            if epochs and self.warmup_epochs >= epochs:
                raise ValueError(f"warmup_epochs is {self.warmup_epochs}, but a stage has {epochs} epochs")
        return self
