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
    scores = logits.float()
    if mirrored is not None:
        partners = torch.from_numpy(part_table().flip.astype(np.int64)).to(device)
        scores = (scores + mirrored.float().flip(-1)[:, partners]) / 2
    if protocol.enlargement == "exp_between":
        scores = _exponentials(scores, batch.input_size)
    if points:
        scores[:, 0] = -1e4  # finite, so that it can be interpolated
    return scores


def _exponentials(logits: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) exponentials of averaged logits (B, C, h, w) at the size of the input.

    The authors average after this enlargement. It is linear, so averaging before it gives the same in half the time.
    """
    result = _enlarged(logits, size)
    # Beyond about 88, the published code overflows; a common factor of all scores of a frame changes no prediction.
    result -= (result.amax(dim=(1, 2, 3), keepdim=True) - _LARGEST_EXPONENT).clamp(min=0)
    return result.exp_()


def _enlarged(scores: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, height, width), interpolated bilinearly, corners not aligned."""
    # A pixel's scores side by side: twice as fast. The strides are spelled out, because those of a single sample out of
    # a batch do not tell PyTorch that its channels are last.
    packed = scores.movedim(1, -1).contiguous()
    packed = packed.view(packed.shape).movedim(-1, 1)
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
