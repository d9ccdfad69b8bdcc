"""Settings of the DensePose task alone."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

from pydantic import Field

from hcmoco_bench.losses.densepose import ChartWeights
from hcmoco_bench.models.densepose.options import RCNNOptions
from hcmoco_bench.tasks.core.task import TaskOptions

_DEFAULT = RCNNOptions()


class DensePoseOptions(TaskOptions):
    """Sizes of the network (see `RCNNOptions`, whose defaults are detectron2's), losses, and where tables are.

    Attributes:
        width: Channels of the pyramid.
        levels: Its levels.
        pooling: Form of the HRFPN: learned (detectron2) or average (the HRNet paper; few parameters).
        box_width: Width of the two layers that judge boxes.
        decoder: Whether the DensePose head reads the sum of all levels.
        decoder_width: Channels inside that sum.
        convolutions: Convolutions of the DensePose head.
        head_width: Their channels.
        coarse_channels: 2 (person) or 15 (14 parts).
        pooled: Side of a region's features in the DensePose head, cells.
        proposals_before: Boxes a level before suppression, in training and in use.
        proposals_after: Boxes per image after it, in training and in use.
        anchors_per_picture: Anchors that the proposals learn from.
        boxes_per_picture: Boxes that the box head learns from.
        regions_per_picture: Largest number of regions that the DensePose head learns from; None for all.
        foreground: Overlap from which the DensePose head learns from a box.
        smallest_score: Detections below are dropped.
        suppression: Overlap from which a detection hides a worse one.
        fusion: How an HRNet adds its branches: nearest (detectron2) or bilinear (as it was pre-trained).
        flip: Probability of mirroring in training; needs the charts' mirror tables, without them nothing is mirrored.
        coordinate_weight: Of the loss of U and V, summed over points.
        part_weight: Of the loss of the fine part.
        coarse_weight: Of the loss of the coarse segmentation.
        geodesics: Folder with the body's tables for scoring; None to look below `root`.
    """

    width: int = Field(default=_DEFAULT.width, ge=8)
    levels: int = Field(default=_DEFAULT.levels, ge=2, le=6)
    pooling: Literal["learned", "average"] = _DEFAULT.pooling
    box_width: int = Field(default=_DEFAULT.box_width, ge=8)
    decoder: bool = _DEFAULT.decoder
    decoder_width: int = Field(default=_DEFAULT.decoder_width, ge=8)
    convolutions: int = Field(default=_DEFAULT.convolutions, ge=0)
    head_width: int = Field(default=_DEFAULT.head_width, ge=8)
    coarse_channels: Literal[2, 15] = _DEFAULT.coarse_channels
    pooled: int = Field(default=_DEFAULT.pooled, ge=4)
    proposals_before: tuple[int, int] = _DEFAULT.proposals_before
    proposals_after: tuple[int, int] = _DEFAULT.proposals_after
    anchors_per_picture: int = Field(default=_DEFAULT.anchors_per_picture, ge=2)
    boxes_per_picture: int = Field(default=_DEFAULT.boxes_per_picture, ge=2)
    regions_per_picture: int | None = Field(default=_DEFAULT.regions_per_picture, ge=1)
    foreground: float = Field(default=_DEFAULT.foreground, ge=0, le=1)
    smallest_score: float = Field(default=_DEFAULT.smallest_score, ge=0, lt=1)
    suppression: float = Field(default=_DEFAULT.suppression, gt=0, le=1)
    fusion: Literal["nearest", "bilinear"] = "nearest"
    flip: float = Field(default=0.5, ge=0, le=1)
    coordinate_weight: float = Field(default=0.01, ge=0)
    part_weight: float = Field(default=1.0, ge=0)
    coarse_weight: float = Field(default=5.0, ge=0)
    geodesics: str | None = None

    def network(self) -> RCNNOptions:
        """The sizes of the network."""
        return RCNNOptions(**{field.name: getattr(self, field.name) for field in fields(RCNNOptions)})

    def weights(self) -> ChartWeights:
        """Factors on the terms of the charts' loss."""
        return ChartWeights(self.coordinate_weight, self.part_weight, self.coarse_weight)
