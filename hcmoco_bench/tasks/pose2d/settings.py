"""Settings of the 2-D pose task, with the defaults of the usual top-down recipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field

from hcmoco_bench.data.pose2d_crops import PoseChanges
from hcmoco_bench.models.deconvolution_head import HEAD_WIDTH
from hcmoco_bench.runtime.settings import Location, TrainingOnly
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.pose2d.heatmaps import PUBLISHED_SHIFT, Decoding, Encoding
from hcmoco_bench.tasks.pose2d.net import HeadMaps


class Pose2dSettings(FinetuneSettings):
    """A fine-tuning on COCO's or MPII's keypoints.

    LiftedCL's release states no settings of its downstream tasks. These are our choice: those of HRNet's and mmpose's
    top-down training of 256x192 crops.
    """

    section: ClassVar[str] = "2-D pose"
    defaults: ClassVar[Mapping[str, Any]] = {
        "backbone": "resnet50",
        "image_size": 256,
        "batch_size": 128,
        "eval_batch_size": 32,
        "epochs": 210,
        "optimizer": "adam",
        "lr": 1e-3,
        "weight_decay": 0.0,
        "schedule": "multistep",
        "milestones": (170.0, 200.0),
        "step_factor": 0.1,
    }

    boxes: Annotated[str | None, Location()] = None
    """COCO results JSON with the boxes of people that a detector found in the images that are scored; none crops people
    by their true boxes, and the result says so. The protocol mpii takes the published center and scale of people."""
    box_threshold: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Least score of a detected box that is used."""
    aspect: Annotated[float | None, Field(gt=0.2, lt=5)] = None
    """Width of the crop over its height, which is image_size; none takes 0.75 for COCO and 1 for MPII."""
    sigma: Annotated[float, Field(gt=0)] = 2.0
    """Standard deviation of the Gaussians of the heatmaps, in cells of 4 px."""
    encoding: Encoding = "quantized"
    """How joints become heatmaps: quantized (published: the Gaussian is centered on the nearest cell) or unbiased (on
    the joint, and cells mirror onto cells)."""
    decoding: Decoding = "quarter"
    """How heatmaps become joints: quarter (published: the largest cell, moved by a quarter of a cell towards its larger
    neighbor) or unbiased (the top of the Gaussian around it, as DARK finds it)."""
    flip_test: bool = True
    """Average the heatmaps of each crop and of its mirror image."""
    flip_shift: Annotated[int | None, Field(ge=0, le=4)] = None
    """Cells by which the heatmap of the mirror image, mirrored back, is moved to the right before the average; none
    takes 1 with the quantized encoding, as published, and 0 with the unbiased one."""
    joint_threshold: Annotated[float, Field(ge=0, le=1)] = 0.2
    """Least score of the joints whose mean, times the score of the box, is the score of a person."""
    suppress: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Keypoint similarity from which the person of the lower score is left out."""
    head_width: Annotated[int, Field(ge=1)] = HEAD_WIDTH
    """Channels of the transposed convolutions of the head."""
    head_maps: HeadMaps = "auto"
    """Maps of the encoder that the head takes: coarsest, finest, all (brought to one size), or auto, which is the
    finest of an HRNet and the coarsest of other encoders, as their authors do."""
    rotation: Annotated[float, Field(ge=0, le=90), TrainingOnly()] = 45.0
    """Standard deviation of the random rotation in degrees, at most twice that, of six in ten training crops."""
    scaling: Annotated[float, Field(ge=0, lt=1), TrainingOnly()] = 0.35
    """Standard deviation and largest deviation from 1 of the random size of training crops."""
    flip: Annotated[float, Field(ge=0, le=1), TrainingOnly()] = 0.5
    """Probability of mirroring a training crop."""
    half_body: Annotated[float, Field(ge=0, le=1), TrainingOnly()] = 0.3
    """Probability of cropping a person with more than 8 annotated joints to the upper or the lower half of the body."""

    @property
    def shift(self) -> int:
        """Cells by which the flip test moves the heatmap of the mirror image."""
        return PUBLISHED_SHIFT[self.encoding] if self.flip_shift is None else self.flip_shift

    def changes(self) -> PoseChanges:
        """The random changes of training crops."""
        return PoseChanges(self.rotation, self.scaling, self.flip, self.half_body)

    def without_effect(self) -> frozenset[str]:
        """See `Settings.without_effect`."""
        idle = set() if self.flip_test else {"flip_shift"}
        if self.protocol != "native":
            idle |= {"boxes", "box_threshold", "joint_threshold", "suppress"}
        return super().without_effect() | idle
