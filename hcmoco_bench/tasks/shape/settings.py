"""Settings of the shape task. LiftedCL's release states none for it; these are the usual ones of HMR and SPIN."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hcmoco_bench.models.shape_regression import DROPOUT, HEAD_WIDTH, ITERATIONS
from hcmoco_bench.runtime.settings import Location, TrainingOnly
from hcmoco_bench.tasks.core.settings import FinetuneSettings


@dataclass(frozen=True)
class LossWeights:
    """Factors on the terms of `losses.body.BodyLoss`."""

    pose: float
    shape: float
    joints3d: float
    joints2d: float
    vertices: float


class ShapeSettings(FinetuneSettings):
    """A fine-tuning of body shape and pose."""

    section: ClassVar[str] = "Shape"
    # Those of SPIN's training, which starts from ImageNet as LiftedCL's does.
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "resnet50",
        "image_size": 224,
        "batch_size": 64,
        "eval_batch_size": 32,
        "epochs": 50,
        "optimizer": "adam",
        "lr": 5e-5,
        "weight_decay": 0.0,
        "schedule": "constant",
    }

    body_model: Annotated[str | None, Location()] = None
    """For the protocol pw3d: the file of an SMPL model that serves for everybody, or a folder with those of SMPL for
    neutral, male and female people. Anny comes with its package."""
    iterations: Annotated[int, Field(ge=1)] = ITERATIONS
    """Steps in which the head corrects its estimate; 1 is direct regression."""
    head_width: Annotated[int, Field(ge=8)] = HEAD_WIDTH
    """Channels of the two layers of the head."""
    grid: Annotated[int, Field(ge=1, le=16)] = 1
    """Cells to a side over which feature maps are averaged before the head: 1 is the whole image, as in HMR; a small
    network from scratch learns where limbs are from a finer grid."""
    dropout: Annotated[float, Field(ge=0, lt=1), TrainingOnly()] = DROPOUT
    """Share of the head's channels that training drops behind each layer."""
    flip: Annotated[float, Field(ge=0, le=1), TrainingOnly()] = 0.5
    """Probability of mirroring a training crop; the sides of the body are swapped with it."""
    augmentation: Annotated[float, Field(ge=0, le=1), TrainingOnly()] = 1.0
    """Strength with which training crops are scaled, rotated and shifted, as a share of SPIN's scale of 0.75 to 1.25
    and rotation by up to 60 degrees; less suits short runs."""
    color_noise: Annotated[float, Field(ge=0, lt=1), TrainingOnly()] = 0.4
    """Largest change of each color channel in training, as a share of its values."""
    pose_weight: Annotated[float, Field(ge=0), TrainingOnly()] = 1.0
    """Weight of the squared differences of rotation matrices."""
    shape_weight: Annotated[float, Field(ge=0), TrainingOnly()] = 0.02
    """Weight of the squared differences of shape parameters; SPIN has 0.001."""
    joints3d_weight: Annotated[float, Field(ge=0), TrainingOnly()] = 5.0
    """Weight of the squared differences of 3-D joints, square meters."""
    joints2d_weight: Annotated[float, Field(ge=0), TrainingOnly()] = 5.0
    """Weight of the squared differences of projected joints, square half crops."""
    vertices_weight: Annotated[float, Field(ge=0), TrainingOnly()] = 1.0
    """Weight of the absolute differences of vertices, meters; SPIN has 0."""
    loss_vertices: Annotated[int, Field(ge=0), TrainingOnly()] = 1000
    """Number of vertices, spread over the body, that training compares; 0 takes all (13,380 of Anny), which takes
    several times as long. Scores are always those of all vertices."""

    def weights(self) -> LossWeights:
        """Factors on the terms of the loss."""
        return LossWeights(
            self.pose_weight,
            self.shape_weight,
            self.joints3d_weight,
            self.joints2d_weight,
            self.vertices_weight,
        )
