"""From class scores of a network's input to the classes of whole frames."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hcmoco_bench.body import part_table
from hcmoco_bench.data.framing import Region
from hcmoco_bench.data.parsing import ParsingBatch
from hcmoco_bench.errors import DataError
from hcmoco_bench.tasks.core.settings import FinetuneSettings
from hcmoco_bench.tasks.parsing.objective import network_input
from hcmoco_bench.tasks.parsing.protocols import ParsingProtocol
from hcmoco_bench.training.precision import autocast

_LARGEST_EXPONENT: Final = 80.0
"""Exponentials of more than about 88 are infinite in float32."""


def class_scores(
    model: nn.Module,
    batch: ParsingBatch,
    config: FinetuneSettings,
    device: torch.device,
    *,
    protocol: ParsingProtocol,
    points: bool = False,
) -> Tensor:
    """Scores of a batch, whose highest is the class of a pixel.

    Args:
        model: The network.
        batch: B samples.
        config: The settings of the run, for the precision.
        device: Device of the network.
        protocol: Its rules say whether the scores of the mirror image are averaged in, and at which size.
        points: Whether the network takes points; background is then never predicted inside the region.

    Returns:
        (B, C, h, w) float32: logits of the network's own size; where the protocol's `enlargement` is `exp_between`,
        numbers > 0 of the size of the input.
    """
    with autocast(config.precision, device):
        logits: Tensor = model(*network_input(batch, points=points))
        mirrored = model(*network_input(batch.mirrored(), points=points)) if protocol.mirror_averaging else None
    if protocol.enlargement == "exp_between":
        scores = _exponentials(logits, mirrored, batch.input_size)
    else:
        scores = _averaged(logits.float(), None if mirrored is None else mirrored.float())
    if points:
        scores[:, 0] = -1e4  # finite, so that it can be interpolated
    return scores


def _averaged(logits: Tensor, mirrored: Tensor | None) -> Tensor:
    """(B, C, h, w) mean of the logits of images and of their mirror images, where there are such."""
    if mirrored is None:
        return logits
    partners = torch.from_numpy(part_table().flip.astype(np.int64)).to(logits.device)
    return (logits + mirrored.flip(-1)[:, partners]) / 2


def _exponentials(logits: Tensor, mirrored: Tensor | None, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) exponentials of the averaged logits at the size of the input, as published.

    One sample at a time is enlarged, so that besides the result memory does not grow with the batch.
    """
    result = torch.empty(*logits.shape[:2], *size, device=logits.device)
    for place in range(len(logits)):
        one = slice(place, place + 1)
        other = None if mirrored is None else _enlarged(mirrored[one].float(), size)
        mean = _averaged(_enlarged(logits[one].float(), size), other)
        # Beyond about 88, the published code overflows; a common factor of all scores changes no prediction.
        excess = (mean.amax() - _LARGEST_EXPONENT).clamp(min=0)
        torch.exp(mean - excess, out=result[one])
    return result


def _enlarged(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, height, width), interpolated bilinearly, corners not aligned."""
    packed = scores.contiguous(memory_format=torch.channels_last)  # a pixel's scores side by side: twice as fast
    return functional.interpolate(packed, size=size, mode="bilinear")


def whole_prediction(scores: Tensor, region: Region, target: Tensor, sample_id: str) -> Tensor:
    """The classes of a whole frame from the scores of its region, with background outside of the region.

    Args:
        scores: (C, h, w) of the region, enlarged bilinearly.
        region: Pixels of the target that the scores belong to.
        target: (H, W) label, for size and device.
        sample_id: Id of the sample, for messages.

    Returns:
        (H, W) uint8.

    Raises:
        DataError: If the highest score of a pixel is not finite (`prediction_not_finite`).
    """
    enlarged = _enlarged(scores[None], (region.height, region.width))[0]
    highest, classes = enlarged.max(0)  # passes nan on
    if not bool(highest.isfinite().all()):
        raise DataError(
            f"sample {sample_id}: class scores are nan or infinite; the model has diverged, or its input is bad",
            kind="prediction_not_finite",
        )
    height, width = target.shape
    prediction = torch.zeros_like(target, dtype=torch.uint8)
    top, left = max(0, -region.top), max(0, -region.left)
    inside = classes[top : height - region.top, left : width - region.left]
    row, column = max(0, region.top), max(0, region.left)
    prediction[row : row + inside.shape[0], column : column + inside.shape[1]] = inside.to(torch.uint8)
    return prediction
