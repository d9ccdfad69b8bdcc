"""The loss of parsing, and the input of its networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.data.normalize import normalize_depth, normalize_rgb
from hcmoco_bench.data.parsing import IGNORE, ParsingBatch
from hcmoco_bench.training.objective import StepMetric, StepResult


class ParsingObjective:
    """Cross entropy of every pixel, with scores enlarged to the labels; pixels with label 255 do not count.

    Args:
        weights: (C,) weights of the classes; None if all weigh the same.
        points: Whether the network takes points; background is then no class.
    """

    columns = ("accuracy",)

    def __init__(self, weights: Tensor | None, *, points: bool) -> None:
        self.weights, self.points = weights, points

    def __call__(self, model: nn.Module, batch: ParsingBatch, *, stage: int, generator: torch.Generator) -> StepResult:
        """The loss, and the share of pixels that are labeled correctly."""
        scores = model(*network_input(batch, points=self.points))
        labels = torch.stack(batch.labels).long()
        if self.points:
            labels = labels.where(labels > 0, IGNORE)
        loss, accuracy = pixel_loss(scores, labels, self.weights)
        return StepResult(loss, {"accuracy": accuracy})

    def state_dict(self) -> dict[str, Any]:
        """Nothing is kept between steps."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing is kept between steps."""


def pixel_loss(scores: Tensor, labels: Tensor, weights: Tensor | None) -> tuple[Tensor, StepMetric]:
    """Cross entropy over the pixels that count, and the share of them that are labeled correctly.

    Args:
        scores: (B, C, h, w), enlarged to the labels here.
        labels: (B, H, W) int64, 255 where they do not count.
        weights: (C,) weights of the classes; None if all weigh the same.

    Returns:
        The mean by PyTorch's weights, 0 (and not nan) if no pixel counts; and the accuracy.
    """
    scores = functional.interpolate(scores.float(), size=labels.shape[-2:], mode="bilinear", align_corners=False)
    weights = torch.ones(scores.shape[1]) if weights is None else weights
    weights = weights.to(scores.device)
    counted = labels != IGNORE
    total = weights[labels.where(counted, 0)].where(counted, 0.0).sum().clamp(min=1e-6)
    summed = functional.cross_entropy(scores, labels, weights, ignore_index=IGNORE, reduction="sum")
    number = counted.sum()
    right = (scores.argmax(1) == labels).sum() / number
    return summed / total, StepMetric(right.detach(), number)


def network_input(batch: ParsingBatch, *, points: bool) -> tuple[Tensor, Tensor | None]:
    """What `SegmentationNet` takes: the normalized image; or for points, depth in meters and the intrinsics."""
    if batch.rgb is not None:
        return normalize_rgb(batch.rgb), None
    if batch.depth is None:
        raise ValueError("a batch has neither RGB nor depth")
    return (batch.depth, batch.intrinsics) if points else (normalize_depth(batch.depth), None)
