"""What scoring costs: segmentation beside the argmax over the same class scores, keypoints beside pycocotools.

    python benchmarks/metrics.py                     # 25 classes, 1000 x 1000, one core of a processor
    python benchmarks/metrics.py --device cuda

Segmentation is all of `update_logits`: the class of each pixel, the check for nan, the confusion matrix, and the row
of each sample. Variants run by turns, and the median of their times counts: on a processor, CPU time of one thread.
What is kept of a sample is printed, too: memory must not grow with images.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from rich.console import Console
from rich.table import Table
from torch import Tensor

from hcmoco_bench.metrics import KeypointMetric, SegmentationMetric

WANTED_RATIO = 1.5


@dataclass(frozen=True)
class Sizes:
    """What is measured."""

    classes: int
    size: int
    batch: int
    images: int
    repeats: int
    device: str
    seed: int


@dataclass(frozen=True)
class Measured:
    """Seconds of one call of each variant, and what is kept.

    Attributes:
        argmax: Class of each pixel by `Tensor.argmax`.
        metric: `SegmentationMetric.update_logits`.
        metric_indices: `SegmentationMetric.update` where the classes are known already.
        bytes_a_sample: Kept for each sample.
        same: Whether the metric counts what argmax and a plain count do.
        keypoints: `KeypointMetric` over all images.
        pycocotools: `COCOeval` over the same.
        difference: Largest difference between their ten statistics.
    """

    argmax: float
    metric: float
    metric_indices: float
    bytes_a_sample: float
    same: bool
    keypoints: float
    pycocotools: float
    difference: float


def measure(sizes: Sizes) -> Measured:
    """All variants, by turns."""
    torch.set_num_threads(1)
    generator = torch.Generator(sizes.device).manual_seed(sizes.seed)
    shape = (sizes.batch, sizes.size, sizes.size)
    logits = torch.randn(sizes.batch, sizes.classes, *shape[1:], generator=generator, device=sizes.device)
    target = torch.randint(sizes.classes, shape, generator=generator, device=sizes.device)
    target[torch.rand(shape, generator=generator, device=sizes.device) < 0.1] = 255
    names = [str(i) for i in range(sizes.classes)]
    metric, indices = (SegmentationMetric(names, device=sizes.device) for _ in range(2))
    prediction = logits.argmax(1)
    calls = iter(range(sys.maxsize))

    def ids() -> list[str]:
        return [f"{next(calls):09d}" for _ in range(sizes.batch)]

    seconds = by_turns(
        {
            "argmax": lambda: logits.argmax(1),
            "metric": lambda: metric.update_logits(logits, target, ids()),
            "indices": lambda: indices.update(prediction, target, ids()),
        },
        sizes,
    )
    expected = plain_count(prediction, target, sizes.classes) * (sizes.repeats + 1)
    evidence = metric.evidence()
    truth, detections = people(sizes)
    own, other = KeypointMetric(truth), COCO()
    other.dataset = truth
    with contextlib.redirect_stdout(io.StringIO()):
        other.createIndex()
        found = other.loadRes(detections)
    results: dict[str, list[float]] = {}

    def score() -> None:
        own.reset()
        own.update(detections)
        results["own"] = list(own.compute().as_dict().values())

    def evaluate() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(other, found, "keypoints")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        results["other"] = list(evaluation.stats)

    scored = by_turns({"own": score, "other": evaluate}, sizes)
    return Measured(
        seconds["argmax"],
        seconds["metric"],
        seconds["indices"],
        sum(one.nbytes for one in evidence.columns.values()) / len(evidence),
        bool((metric.compute().confusion == expected).all() and (indices.compute().confusion == expected).all()),
        scored["own"],
        scored["other"],
        float(np.abs(np.subtract(results["own"], results["other"])).max()),
    )


def by_turns(variants: dict[str, Callable[[], object]], sizes: Sizes) -> dict[str, float]:
    """Median seconds of each, after a run that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(sizes.repeats + 1):
        for name, call in variants.items():
            start = clock(sizes.device)
            call()
            seconds[name].append(clock(sizes.device) - start)
    return {name: statistics.median(found[1:]) for name, found in seconds.items()}


def clock(device: str) -> float:
    """CPU seconds of this process, or seconds once the GPU is idle."""
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def plain_count(prediction: Tensor, target: Tensor, classes: int) -> Any:
    """Confusion matrix by numpy."""
    found, true = prediction.cpu().numpy().ravel(), target.cpu().numpy().ravel()
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (true[true != 255], found[true != 255]), 1)
    return confusion


def people(sizes: Sizes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Annotated people, up to 8 per image, and three detections of each."""
    rng = np.random.default_rng(sizes.seed)
    annotations: list[dict[str, Any]] = []
    detections: list[dict[str, Any]] = []
    for image in range(sizes.images):
        for _ in range(rng.integers(0, 9)):
            size, middle = rng.uniform(30, 300), rng.uniform(0, 500, 2)
            points = np.full((17, 3), 2.0)
            points[:, :2] = middle + size * rng.normal(0, 0.3, (17, 2))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": points.ravel().tolist(),
                    "num_keypoints": 17,
                    "bbox": [*(middle - size / 2).tolist(), size, size],
                    "area": size**2,
                    "iscrowd": 0,
                }
            )
            for noise in (0.01, 0.05, 0.1):
                moved = points + [1, 1, 0] * rng.normal(0, noise * size, points.shape)
                detections.append(
                    {"image_id": image, "category_id": 1, "keypoints": moved.ravel().tolist(), "score": rng.random()}
                )
    images = [{"id": image} for image in range(sizes.images)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1}]}, detections


def report(found: Measured, sizes: Sizes) -> Table:
    """The table to read."""
    table = Table(
        title=f"Metrics on {sizes.device}: {sizes.batch} x {sizes.classes} classes, {sizes.size} x {sizes.size} px; "
        f"{sizes.images} images of people"
    )
    for header in ("what", "ms", "compared with", "ratio"):
        table.add_column(header, justify="right" if header in ("ms", "ratio") else "left")
    rows = [
        ("argmax over the class scores", found.argmax, "", None),
        ("segmentation, from class scores", found.metric, "argmax", found.argmax),
        ("segmentation, from class indices", found.metric_indices, "argmax", found.argmax),
        ("keypoints, pycocotools", found.pycocotools, "", None),
        ("keypoints", found.keypoints, "pycocotools", found.pycocotools),
    ]
    for name, seconds, other, of in rows:
        table.add_row(name, f"{1e3 * seconds:,.1f}", other, "" if of is None else f"{seconds / of:.2f}")
    return table


def main() -> int:
    """StepMetric and print; 1 if a metric counts something else than the plain way, or costs too much."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--classes", type=int, default=25, help="(default: %(default)s)")
    parser.add_argument("--size", type=int, default=1000, help="height and width, px (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=1, help="samples of an update (default: %(default)s)")
    parser.add_argument("--images", type=int, default=500, help="images of people (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=9, help="runs of each variant (default: %(default)s)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of scores and labels (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print plain values instead of the table")
    options = vars(parser.parse_args())
    as_json = options.pop("json")
    sizes = Sizes(**options)
    found = measure(sizes)
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), indent=2) + "\n")
    else:
        Console().print(report(found, sizes))
        Console().print(f"kept a sample: {found.bytes_a_sample:.0f} bytes of counts")
    errors = Console(stderr=True)
    if not found.same or found.difference > 1e-9:
        errors.print("a metric counts something else than the plain way")
        return 1
    if found.metric > WANTED_RATIO * found.argmax:
        errors.print(f"the segmentation metric costs more than {WANTED_RATIO} times the argmax")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
