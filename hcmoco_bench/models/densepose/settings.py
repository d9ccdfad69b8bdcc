"""Sizes of the DensePose R-CNN; the defaults are detectron2's, with which the published figures were made."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hcmoco_bench.runtime.settings import Added, Settings

Pooling = Literal["learned", "average"]
Neck = Literal["hrfpn", "fpn"]


class RCNNSettings(Settings):
    """How large the network is, and how many boxes it looks at."""

    section: ClassVar[str] = "DensePose network"

    width: int = Field(default=256, ge=8)
    """Channels of the feature pyramid."""
    neck: Annotated[Neck, Added()] = "hrfpn"
    """Feature pyramid: hrfpn (for HRNets) or fpn (detectron2's ResNets; any backbone with maps of strides 4 to 32)."""
    levels: int = Field(default=5, ge=2, le=6)
    """Levels of the pyramid; anchors have a side of 8 strides on each (32 to 512 px for five). An fpn has one more than
    the backbone has maps."""
    pooling: Pooling = "learned"
    """Form of the HRFPN: learned (detectron2) or average (the HRNet paper; far fewer parameters)."""
    box_width: int = Field(default=1024, ge=8)
    """Width of the two layers that judge boxes."""
    decoder: bool = True
    """Let the DensePose head read the sum of all levels; otherwise it reads the level that fits a box."""
    decoder_width: int = Field(default=256, ge=8)
    """Channels inside that sum."""
    convolutions: int = Field(default=8, ge=0)
    """Convolutions in the DensePose head."""
    head_width: int = Field(default=512, ge=8)
    """Channels of the convolutions in the DensePose head."""
    coarse_channels: Literal[2, 15] = 2
    """Channels of the coarse segmentation: 2 (person) or 15 (14 parts)."""
    pooled: int = Field(default=28, ge=4)
    """Side of a region's features in the DensePose head, in cells; its charts have 4 times as many."""
    proposals_before: tuple[int, int] = (2000, 1000)
    """Boxes per level before suppression, in training and in use."""
    proposals_after: tuple[int, int] = (1000, 1000)
    """Boxes per image after suppression, in training and in use."""
    anchors_per_picture: int = Field(default=256, ge=2)
    """Anchors per image that the region proposals learn from."""
    boxes_per_picture: int = Field(default=512, ge=2)
    """Boxes per image that the box head learns from."""
    regions_per_picture: int | None = Field(default=None, ge=1)
    """Largest number of regions per image that the DensePose head learns from; none for all of them."""
    foreground: float = Field(default=0.7, ge=0, le=1)
    """Overlap with a person's box from which the DensePose head learns from a box."""
    smallest_score: float = Field(default=0.05, ge=0, lt=1)
    """Score below which detections are dropped."""
    suppression: float = Field(default=0.5, gt=0, le=1)
    """Overlap from which a detection hides a worse one."""
