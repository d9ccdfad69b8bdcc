"""Settings of the DensePose task, with the defaults of its paper's long schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hcmoco_bench.losses.densepose import ChartWeights
from hcmoco_bench.models.densepose.pixels import Pixels
from hcmoco_bench.models.densepose.settings import RCNNSettings
from hcmoco_bench.models.hrnet import Fusion
from hcmoco_bench.runtime.settings import Added, Published, TrainingOnly
from hcmoco_bench.tasks.core.settings import FinetuneSettings


class DensePoseSettings(FinetuneSettings, RCNNSettings):
    """A fine-tuning on DensePose-COCO: sizes of the network, its losses, and where the tables of the body are."""

    section: ClassVar[str] = "DensePose"
    # 130,000 iterations of 16 images are 64 epochs of 32,421; the rate falls after 100,000 and 120,000.
    defaults: ClassVar[Mapping[str, Any]] = {
        "image_size": 800,
        "batch_size": 16,
        "eval_batch_size": 1,
        "epochs": 64,
        "lr": 0.01,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "schedule": "multistep",
        "milestones": (49.25, 59.0),
        "step_factor": 0.1,
        "warmup_epochs": 0.5,
        "clip": 10.0,
    }
    published: ClassVar[Mapping[str, Published]] = {
        "protocol": Published(
            "published", "detectron2 does not search a strip of up to 80 px at the right and lower border of images."
        ),
    }
    # The paper's 13,000 iterations on 10 % of the data are again 64 epochs, with half the rate.
    low_data: ClassVar[Mapping[str, Any]] = {"lr": 0.005}

    fusion: Fusion = "nearest"
    """How an HRNet adds its branches: nearest (detectron2) or bilinear (as it was pre-trained)."""
    pixels: Annotated[Pixels, Added()] = "rgb"
    """Form of the images that the backbone reads: rgb (normalized, as ImageNet weights expect them) or bgr (0 to 255
    less the mean, detectron2's default)."""
    flip: float = Field(default=0.5, ge=0, le=1)
    """Probability of mirroring an image in training; without the mirror tables of the charts nothing is mirrored."""
    padding: Annotated[
        bool,
        TrainingOnly(),
        Added(),
        Published(
            False,
            "Without padding, a strip of up to 80 px at the right and lower border has no cells and teaches nothing.",
        ),
    ] = True
    """Pad images in training so that the network learns up to their border; detectron2 (false) does not."""
    coordinate_weight: float = Field(default=0.01, ge=0)
    """Weight of the loss of U and V, which is summed over points."""
    part_weight: float = Field(default=1.0, ge=0)
    """Weight of the loss of the fine part."""
    coarse_weight: float = Field(default=5.0, ge=0)
    """Weight of the loss of the coarse segmentation."""
    geodesics: str | None = None
    """Folder with the tables of the body that scoring needs; none looks for them below `root`."""

    def network(self) -> RCNNSettings:
        """The sizes of the network alone."""
        return RCNNSettings(**{name: getattr(self, name) for name in RCNNSettings.model_fields})

    def weights(self) -> ChartWeights:
        """Factors on the terms of the charts' loss."""
        return ChartWeights(self.coordinate_weight, self.part_weight, self.coarse_weight)
