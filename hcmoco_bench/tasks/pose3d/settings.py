"""Settings of the task `pose3d`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from hcmoco_bench.models.deconvolution_head import HEAD_WIDTH
from hcmoco_bench.runtime.settings import Published
from hcmoco_bench.tasks.core.settings import FinetuneSettings


class Pose3dSettings(FinetuneSettings):
    """A fine-tuning for 3-D pose on Human3.6M.

    LiftedCL's release has no code for this task. The defaults are our choice: integral regression (Sun et al., ECCV
    2018) on ResNet-50 with the schedule of Simple Baselines (Xiao et al., ECCV 2018), whose network it extends.
    """

    section: ClassVar[str] = "3-D pose"
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "resnet50",
        "image_size": 256,
        "batch_size": 32,
        "eval_batch_size": 32,
        "epochs": 140,
        "optimizer": "adam",
        "lr": 1e-3,
        "weight_decay": 0.0,
        "schedule": "multistep",
        "milestones": (90.0, 120.0),
        "step_factor": 0.1,
    }

    published: ClassVar[Mapping[str, Published]] = {
        "protocol": Published(
            "published",
            "Sun et al. take the square around the person, and the distance of the root, from the true joints.",
        ),
    }

    head_width: int = Field(default=HEAD_WIDTH, ge=8)
    """Channels of the transposed convolutions."""
    augmentation: float = Field(default=1.0, ge=0, le=1)
    """Strength with which training crops are scaled, turned and recolored, as a share of 25 %, 30 degrees and 20 %;
    less suits short runs. Half of the crops are mirrored."""
    flip_test: bool = True
    """Average the joints of the crop and of its mirror image in scoring."""
