"""Files as detectron2's DensePose saves them, made with classes that exist only while a file is written."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from hcmoco_bench.metrics.densepose import Detection

CHART_RESULT = "densepose.structures.chart_result"
EMBEDDINGS = "densepose.structures.cse"


@contextmanager
def classes(module: str, *names: str) -> Iterator[list[Any]]:
    """Dataclass-like classes of these names in a module that can be imported only inside of the context."""
    parts = module.split(".")
    packages = [".".join(parts[: count + 1]) for count in range(len(parts))]
    for package in packages:
        sys.modules[package] = ModuleType(package)
    made = [type(name, (), {"__module__": module}) for name in names]
    for kind in made:
        setattr(sys.modules[module], kind.__name__, kind)
    try:
        yield made
    finally:
        for package in packages:
            del sys.modules[package]


def filled(kind: Any, **state: Any) -> Any:
    """An object of a class with these attributes."""
    made = kind()
    made.__dict__.update(state)
    return made


def write_evaluation(
    path: Path, detections: Iterable[Detection], *, category: int = 0, zip_format: bool = True
) -> Path:
    """What `train_net.py --eval-only` leaves as `coco_densepose_predictions.pth`."""
    with classes(CHART_RESULT, "DensePoseChartResultQuantized") as (quantized,):
        entries = [
            {
                "image_id": one.image_id,
                "category_id": category,
                "bbox": list(one.box),
                "score": one.score,
                "densepose": filled(quantized, labels_uv_uint8=torch.from_numpy(one.iuv)),
                "segmentation": {"size": [120, 160], "counts": "PPYo1"},
            }
            for one in detections
        ]
        torch.save(entries, path, _use_new_zipfile_serialization=zip_format)
    return path


@dataclass(frozen=True)
class Found:
    """One detection of `apply_net.py`: corners (x0, y0, x1, y1), score, labels (h, w), and uv (2, h, w) in 0..1."""

    corners: tuple[float, float, float, float]
    score: float
    labels: torch.Tensor
    uv: torch.Tensor

    @classmethod
    def of(cls, detection: Detection) -> Found:
        """A detection whose U and V are a little more than its quantized ones."""
        left, top, width, height = detection.box
        uv = (torch.from_numpy(detection.iuv[1:].astype(np.float32)) + 0.25) / 255
        labels = torch.from_numpy(detection.iuv[0].astype(np.int64))
        return cls((left, top, left + width, top + height), detection.score, labels, uv)


def write_dump(path: Path, images: dict[str, list[Found]], kind: str = "DensePoseChartResultWithConfidences") -> Path:
    """What `apply_net.py dump` leaves, by file name of the image."""
    with classes(CHART_RESULT, kind) as (result,):
        entries = [
            {
                "file_name": name,
                "scores": torch.tensor([one.score for one in found]),
                "pred_boxes_XYXY": torch.tensor([one.corners for one in found]).reshape(-1, 4),
                "pred_densepose": [
                    filled(result, labels=one.labels, uv=one.uv, sigma_1=None, kappa_u=None) for one in found
                ],
            }
            for name, found in images.items()
        ]
        torch.save(entries, path)
    return path
