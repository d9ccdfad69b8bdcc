"""From class scores of a network's input to the classes of whole frames."""

from __future__ import annotations

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


def class_scores(
    model: nn.Module,
    batch: ParsingBatch,
    config: FinetuneSettings,
    device: torch.device,
    *,
    protocol: ParsingProtocol,
    points: bool = False,
) -> Tensor:
    """(B, C, h, w) float32 scores of a batch.

    Args:
        model: The network.
        batch: B samples.
        config: The settings of the run, for the precision.
        device: Device of the network.
        protocol: Its rules say whether the scores of the mirror image are averaged in.
        points: Whether the network takes points; background is then never predicted inside the region.
    """
    with autocast(config.precision, device):
        scores: Tensor = model(*network_input(batch, points=points))
        if protocol.mirror_averaging:
            other = model(*network_input(batch.mirrored(), points=points))
            partners = torch.from_numpy(part_table().flip.astype(np.int64)).to(device)
            scores = (scores + other.flip(-1)[:, partners]) / 2
    scores = scores.float()
    if points:
        scores[:, 0] = -1e4  # finite, so that it can be interpolated
    return scores


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
    packed = scores[None].contiguous(memory_format=torch.channels_last)  # a pixel's scores side by side: twice as fast
    enlarged = functional.interpolate(packed, size=(region.height, region.width), mode="bilinear")[0]
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
