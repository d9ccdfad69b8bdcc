"""From a network's chart outputs to quantized IUV, as DensePose's own evaluation does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose.detection import Detection, iuv_size


@dataclass(frozen=True, eq=False)
class ChartOutputs:
    """What a DensePose head gives for N people.

    Attributes:
        coarse: (N, C, H, W) float logits of the mask, C = 2 (background, person) or 15 (with 14 parts).
        fine: (N, 25, H, W) float logits of the charts, 0 = background.
        u: (N, 25, H, W) float, U in 0..1 if the pixel is of that chart.
        v: (N, 25, H, W) float, V likewise.
    """

    coarse: Tensor
    fine: Tensor
    u: Tensor
    v: Tensor

    def __len__(self) -> int:
        return len(self.fine)


def chart_detections(
    image_id: int, boxes: Sequence[Sequence[float]], scores: Sequence[float], outputs: ChartOutputs
) -> list[Detection]:
    """The people of one image.

    Args:
        image_id: COCO's number of the image.
        boxes: N of (left, top, width, height), px.
        scores: N confidences.
        outputs: Of the same N.

    Raises:
        DataError: As `quantize_charts` and `Detection` do; `outputs_wrong` if there are not N of each.
    """
    if not len(boxes) == len(scores) == len(outputs):
        raise DataError(
            f"image {image_id}: {len(boxes)} boxes, {len(scores)} scores and charts of {len(outputs)} people",
            kind="outputs_wrong",
        )
    found = []
    for number, (box, score) in enumerate(zip(boxes, scores, strict=True)):
        left, top, width, height = (float(value) for value in box)
        one = ChartOutputs(*(value[number] for value in (outputs.coarse, outputs.fine, outputs.u, outputs.v)))
        place = (left, top, width, height)
        if not np.isfinite([*place, float(score)]).all():
            raise DataError(f"image {image_id}: box {place} or score {score} is not finite", kind="not_finite")
        found.append(Detection(image_id, place, float(score), quantize_charts(one, iuv_size(place))))
    return found


def quantize_charts(outputs: ChartOutputs, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Chart outputs of one person over its box.

    Logits and coordinates are resampled bilinearly (corners not aligned); a pixel has the chart of the highest fine
    logit where a mask logit other than background is highest, and the U, V of that chart, in 8 bits.

    Args:
        outputs: As in `ChartOutputs`, without the first axis; on any device.
        size: Height and width of the box, px.

    Returns:
        (3, h, w) uint8.

    Raises:
        DataError: `outputs_wrong` shapes, or `not_finite` numbers.
    """
    maps = {"coarse": outputs.coarse, "fine": outputs.fine, "u": outputs.u, "v": outputs.v}
    shapes = {name: tuple(value.shape) for name, value in maps.items()}
    if (
        outputs.fine.ndim != 3
        or len({shape[-2:] for shape in shapes.values()}) != 1
        or not (shapes["fine"] == shapes["u"] == shapes["v"])
    ):
        raise DataError(f"chart outputs of shapes {shapes}; they must be (C, H, W) of one size", kind="outputs_wrong")
    broken = [name for name, value in maps.items() if not bool(torch.isfinite(value).all())]
    if broken:
        raise DataError(f"chart outputs: {', '.join(broken)} not finite", kind="not_finite")
    person = _resample(outputs.coarse, size).argmax(0) > 0
    part = _resample(outputs.fine, size).argmax(0) * person
    charts, place = torch.unique(part, return_inverse=True)
    coordinates = [
        _resample(value[charts], size).gather(0, place[None])[0] * (part > 0) for value in (outputs.u, outputs.v)
    ]
    quantized = (torch.stack(coordinates) * 255).clamp(0, 255).byte()
    return torch.cat([part[None].byte(), quantized]).cpu().numpy()


def _resample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(maps[None].float(), size, mode="bilinear", align_corners=False)[0]
