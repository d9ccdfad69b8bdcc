"""Detections of DensePose: from the network, from chance, and whether those of a file are of the split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from hcmoco_bench.data.densepose import DensePoseBatch, DensePoseImages
from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose import ChartOutputs, Detection, chart_detections
from hcmoco_bench.metrics.densepose.detection import iuv_size
from hcmoco_bench.models.densepose.rcnn import Detections
from hcmoco_bench.sources.densepose import DensePoseImage
from hcmoco_bench.tasks.core.task_data import TaskData

_NAMED: Final = 5


def image_detections(batch: DensePoseBatch, row: int, found: Detections) -> list[Detection]:
    """What was found in one image of a batch, in the px of its file, best first.

    Detections beyond those with charts have an empty dense pose: only their boxes can count.

    Raises:
        DataError: Kind `not_finite` if the network gave numbers that are not finite.
    """
    identifier = batch.sample_ids[row]
    if not found.finite:
        raise DataError(
            f"image {identifier}: the network's output is not finite; its weights are damaged, or bf16 overflows "
            "(precision = fp32)",
            kind="not_finite",
        )
    scale = found.boxes.new_tensor(batch.scales[row] * 2)
    corners = (found.boxes / scale).double().cpu().numpy()
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
    scores = found.scores.double().cpu().tolist()
    charts = found.charts
    first = len(charts)
    outputs = ChartOutputs(charts.coarse, charts.fine, charts.u, charts.v)
    detections = chart_detections(int(identifier), boxes[:first], scores[:first], outputs)
    for box, score in zip(boxes[first:], scores[first:], strict=True):
        empty = np.zeros((3, *iuv_size(tuple(box))), np.uint8)
        detections.append(Detection(int(identifier), tuple(box), score, empty))
    return detections


def chance_detections(data: TaskData, part: int = 2, uv: float = 0.5) -> Iterator[Detection]:
    """The true boxes, each filled with one point of the body: who knows where people are and nothing of them.

    Args:
        data: A split.
        part: The chart, by default the front of the torso.
        uv: Both coordinates.
    """
    for image in images_of(data).values():
        for person in image.people:
            left, top, right, bottom = map(float, person.box)
            box = (left, top, right - left, bottom - top)
            iuv = np.full((3, *iuv_size(box)), round(255 * uv), np.uint8)
            iuv[0] = part
            yield Detection(image.id, box, 1.0, iuv)


def images_of(data: TaskData) -> dict[str, DensePoseImage]:
    """The images of a split by id."""
    dataset, rows = data.source(DensePoseImages)
    return {identifier: dataset.images[row] for identifier, row in zip(data.ids, rows.tolist(), strict=True)}


def check_entries(entries: Iterable[Mapping[str, Any]], expected: set[str], path: Path) -> None:
    """Images must be of the split, and no detection may be there twice."""
    counts = Counter((entry["image_id"], str(entry.get("bbox")), entry.get("score")) for entry in entries)
    unknown = sorted({str(image) for image, _, _ in counts} - expected)
    repeated = sorted({str(image) for (image, _, _), number in counts.items() if number > 1})
    told = [
        f"{len(names)} {what} ({listed(names)})"
        for what, names in (("images not in the split", unknown), ("images with repeated detections", repeated))
        if names
    ]
    if told:
        raise DataError(
            f"{path}: {'; '.join(told)}; give the detections of this split, each once",
            kind="predictions_ids",
            file=str(path),
        )


def listed(names: Sequence[str]) -> str:
    """Some of the names, for a message."""
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
