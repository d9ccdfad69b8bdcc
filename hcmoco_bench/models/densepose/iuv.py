"""From a detection's charts to the part and surface coordinates of each px of its box."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.models.densepose.head import Charts


def whole_box(box: Sequence[float]) -> tuple[int, int, int, int]:
    """The whole px that stand for a box x0, y0, x1, y1: left, top, width, height, each cut to a whole number.

    As published: neither side is below 1 px.
    """
    left, top, right, bottom = box
    return int(left), int(top), max(int(right - left), 1), max(int(bottom - top), 1)


def chart_iuv(charts: Charts, row: int, width: int, height: int) -> NDArray[np.uint8]:
    """The charts of one region, enlarged to its box and quantised as in DensePose's result files.

    A px is of the best fine part where the coarse segmentation says person; its coordinates are bilinear in that
    part's charts.

    Args:
        charts: Of R regions, on any device.
        row: The region.
        width: Of the box, px.
        height: Of the box, px.

    Returns:
        (3, height, width) uint8: part 0..24 (0 = not this person), U x 255, V x 255; coordinates 0 where no part is.
    """
    size = (height, width)
    coarse = _enlarged(charts.coarse[row], size).argmax(dim=0)
    part = _enlarged(charts.fine[row], size).argmax(dim=0) * (coarse > 0)
    # only the one channel that counts is enlarged, which is a 25th of the work
    places = [_neighbours(charts.u.shape[axis], length, part.device) for axis, length in ((-2, height), (-1, width))]
    quantised = torch.zeros((3, *size), dtype=torch.uint8, device=part.device)
    quantised[0] = part.to(torch.uint8)
    for channel, values in ((1, charts.u[row]), (2, charts.v[row])):
        (top, bottom, down), (left, right, across) = places
        rows = [
            torch.lerp(
                values[part, line[:, None], left[None, :]], values[part, line[:, None], right[None, :]], across[None, :]
            )
            for line in (top, bottom)
        ]
        value = torch.lerp(rows[0], rows[1], down[:, None]) * (part > 0)
        quantised[channel] = (value * 255).clamp(0, 255).to(torch.uint8)
    return np.asarray(quantised.cpu().numpy())


def _enlarged(values: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(values[None], size, mode="bilinear", align_corners=False)[0]


def _neighbours(cells: int, length: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """For each of `length` px the two cells around its centre and how far it is towards the second."""
    place = ((torch.arange(length, device=device) + 0.5) * (cells / length) - 0.5).clamp(min=0)
    low = place.floor().long().clamp(max=cells - 1)
    return low, (low + 1).clamp(max=cells - 1), place - low
