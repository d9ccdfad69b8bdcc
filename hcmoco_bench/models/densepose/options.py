"""Sizes of the DensePose R-CNN; the defaults are detectron2's, with which the published figures were made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hcmoco_bench.models.densepose.hrfpn import Pooling


@dataclass(frozen=True)
class RCNNOptions:
    """How large the network is, and how many boxes it looks at.

    Attributes:
        width: Channels of the pyramid.
        levels: Its levels; anchors have a side of 8 strides on each (32 to 512 px for five).
        pooling: Form of the HRFPN.
        box_width: Width of the two layers that judge boxes.
        decoder: Whether the DensePose head reads the sum of all levels; otherwise the level that fits a box.
        decoder_width: Channels inside that sum.
        convolutions: Convolutions of the DensePose head.
        head_width: Their channels.
        coarse_channels: Of the coarse segmentation: 2 (person) or 15 (14 parts).
        pooled: Side of a region's features in the DensePose head, cells; its charts have 4 times as many.
        proposals_before: Boxes a level before suppression, in training and in use.
        proposals_after: Boxes per image after it, in training and in use.
        anchors_per_picture: Anchors that the region proposals learn from, an image.
        boxes_per_picture: Boxes that the box head learns from, an image.
        regions_per_picture: Largest number of regions that the DensePose head learns from, an image; None for all.
        foreground: Overlap with a person's box from which the DensePose head learns from a box.
        smallest_score: Detections below are dropped.
        suppression: Overlap from which a detection hides a worse one.
    """

    width: int = 256
    levels: int = 5
    pooling: Pooling = "learned"
    box_width: int = 1024
    decoder: bool = True
    decoder_width: int = 256
    convolutions: int = 8
    head_width: int = 512
    coarse_channels: Literal[2, 15] = 2
    pooled: int = 28
    proposals_before: tuple[int, int] = (2000, 1000)
    proposals_after: tuple[int, int] = (1000, 1000)
    anchors_per_picture: int = 256
    boxes_per_picture: int = 512
    regions_per_picture: int | None = None
    foreground: float = 0.7
    smallest_score: float = 0.05
    suppression: float = 0.5
