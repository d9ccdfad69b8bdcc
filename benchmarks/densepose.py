"""Time of DensePose's evaluation, beside comparing pair by pair with scipy's `cdist`.

    python benchmarks/densepose.py                 # 500 images, a body of 27,554 vertices; 1.5 GB in a temporary folder
    python benchmarks/densepose.py --keep FOLDER   # keeps the table of distances for the next time

Both evaluate the same generated detections to all forty figures, by turns on one core, and must agree on each. The
plain version finds, for each pair of a detection and an annotation, the nearest vertices of both by `cdist` part by
part, looks the distances up one by one, and stretches, encodes and compares masks with scipy and pycocotools, as the
published evaluation does; matching is shared. Times are CPU time; the conversion of the table, done once, is extra.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from rich.console import Console
from rich.table import Table
from scipy.ndimage import zoom
from scipy.spatial.distance import cdist

from hcmoco_bench.metrics.densepose import (
    AnnotatedImage,
    BodyCharts,
    DensePoseMetric,
    Detection,
    Geodesics,
    Similarities,
    densepose_scores,
)
from hcmoco_bench.metrics.densepose.geodesic_file import read_geodesics, write_geodesics

SIZE = (480, 640)
PARTS = np.arange(1, 25)
Doubles = NDArray[np.float64]


def make_body(path: Path, n_vertices: int, seed: int) -> float:
    """Write a made-up body: 24 curved patches, and straight distances between their vertices; returns CPU seconds.

    Distances are straight because only their number and the way they are looked up matter here.
    """
    rng = np.random.default_rng(seed)
    part = np.sort(rng.integers(1, 25, n_vertices))
    uv = rng.random((n_vertices, 2))
    middle = rng.uniform(-0.8, 0.8, (25, 3))
    bend = np.stack([uv[:, 0], uv[:, 1], np.sin(3 * uv[:, 0])], axis=1)
    places = (middle[part] + 0.3 * bend).astype(np.float32)
    start = time.process_time()
    write_geodesics(
        path,
        BodyCharts.of(part, uv[:, 0], uv[:, 1]),
        rng.permutation(n_vertices),
        _rows(places),
        n_distances=n_vertices * (n_vertices - 1) // 2,
        source={"benchmark": "densepose", "vertices": n_vertices, "seed": seed},
    )
    return time.process_time() - start


def _rows(places: NDArray[np.float32], block: int = 512) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(places), block):
        rows = cdist(places[start : start + block], places[: start + block]).astype(np.float32)
        yield np.concatenate([row[: start + k] for k, row in enumerate(rows)])


def make_annotations(n_images: int, seed: int) -> dict[str, Any]:
    """Annotations in COCO's form: one to four people per image, with 60 to 150 points and 14 masks each."""
    rng = np.random.default_rng(seed)
    people: list[dict[str, Any]] = []
    for image in range(1, n_images + 1):
        for _ in range(rng.integers(1, 5)):
            width, height = int(rng.integers(40, 200)), int(rng.integers(80, 300))
            left, top = int(rng.integers(0, SIZE[1] - width)), int(rng.integers(0, SIZE[0] - height))
            n_points = int(rng.integers(60, 150))
            points = {name: rng.uniform(0, 255, n_points).tolist() for name in ("dp_x", "dp_y")}
            points |= {name: rng.random(n_points).tolist() for name in ("dp_U", "dp_V")}
            people.append(
                {
                    "id": len(people) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "iscrowd": 0,
                    "area": 0.6 * width * height,
                    "bbox": [left, top, width, height],
                    "dp_I": rng.integers(1, 25, n_points).tolist(),
                    "dp_masks": _masks(rng),
                    **points,
                }
            )
    images = [{"id": number, "height": SIZE[0], "width": SIZE[1]} for number in range(1, n_images + 1)]
    return {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def _masks(rng: np.random.Generator) -> list[Any]:
    y, x = np.mgrid[:256, :256]
    found: list[Any] = []
    for _ in range(14):
        (cy, cx), (ry, rx) = rng.uniform(60, 196, 2), rng.uniform(20, 70, 2)
        inside = ((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 < 1
        found.append(coco_mask.encode(np.asfortranarray(inside.astype(np.uint8))) if rng.random() < 0.7 else [])
    return found


def make_detections(annotations: dict[str, Any], seed: int) -> list[Detection]:
    """For each annotation one or two detections near it, and some elsewhere."""
    rng = np.random.default_rng(seed)
    found = []
    for person in annotations["annotations"]:
        for _ in range(rng.integers(1, 3)):
            left, top, width, height = person["bbox"]
            box = (
                left + rng.normal(0, 4),
                top + rng.normal(0, 4),
                max(8.0, width + rng.normal(0, 8)),
                max(8.0, height + rng.normal(0, 8)),
            )
            found.append(Detection(person["image_id"], box, float(rng.random()), _iuv(rng, box)))
    return found


def _iuv(rng: np.random.Generator, box: tuple[float, float, float, float]) -> NDArray[np.uint8]:
    height, width = int(box[3]), int(box[2])
    y, x = np.mgrid[:height, :width] / np.array([height, width])[:, None, None]
    parts = rng.integers(1, 25, (6, 4))
    inside = (2 * x - 1) ** 2 + (2 * y - 1) ** 2 < 1
    part = np.where(inside, parts[(y * 6).astype(int), (x * 4).astype(int)], 0)
    u, v = (x * 4 % 1) * 255, (y * 6 % 1) * 255
    return np.stack([part, u * inside, v * inside]).astype(np.uint8)


class PairByPair:
    """The plain version, with the annotations as they are in the file."""

    def __init__(self, annotations: dict[str, Any], body: Geodesics) -> None:
        self.people: dict[int, list[dict[str, Any]]] = {}
        for person in annotations["annotations"]:
            self.people.setdefault(person["image_id"], []).append(person)
        charts = body.charts
        self.vertices = [np.flatnonzero(charts.part == part) for part in PARTS]
        self.places = [np.stack([charts.u[some], charts.v[some]], axis=1) for some in self.vertices]
        self.part = charts.part

    def __call__(
        self,
        truth: AnnotatedImage,
        vertex: NDArray[np.int64],
        detections: Sequence[Detection],
        body: Geodesics,
        scales: Doubles,
        /,
    ) -> Similarities:
        """All pairs of an image, one after the other."""
        people = self.people[truth.image_id]
        gps = np.array([[self.similarity(one, person, body, scales) for person in people] for one in detections])
        annotated, detected = [_annotated(person) for person in people], [_detected(one) for one in detections]
        no_crowd = [0] * len(people)
        bbox = coco_mask.iou([list(one.box) for one in detections], [list(one["bbox"]) for one in people], no_crowd)
        return Similarities(gps, coco_mask.iou(detected, annotated, no_crowd), bbox)

    def similarity(self, one: Detection, person: dict[str, Any], body: Geodesics, scales: Doubles) -> float:
        """GPS of a pair."""
        left, top, width, height = person["bbox"]
        x = (np.array(person["dp_x"]) * width / 255.0 + left - one.box[0]).astype(int)
        y = (np.array(person["dp_y"]) * height / 255.0 + top - one.box[1]).astype(int)
        off = (x < 0) | (y < 0) | (x >= int(one.box[2])) | (y >= int(one.box[3]))
        x[off], y[off] = 0, 0
        part, u, v = one.iuv[:, y, x].astype(np.float64)
        part[off] = 0
        true_part = np.array(person["dp_I"])
        annotated = self.nearest(true_part, np.array(person["dp_U"]), np.array(person["dp_V"]))
        detected = self.nearest(part, u / 255.0, v / 255.0)
        distances = np.array([_distance(body, int(a), int(b)) for a, b in zip(annotated, detected, strict=True)])
        scale = scales[self.part[annotated]]
        return float(np.mean(np.exp(-(distances**2) / (2 * scale**2))))

    def nearest(self, part: NDArray[Any], u: Doubles, v: Doubles) -> NDArray[np.int64]:
        """Nearest vertex of each point, -1 on background."""
        found = np.full(len(part), -1)
        for number in PARTS:
            here = part == number
            if here.any():
                distances = cdist(self.places[number - 1], np.stack([u[here], v[here]], axis=1))
                found[here] = self.vertices[number - 1][distances.argmin(axis=0)]
        return found


def _distance(body: Geodesics, first: int, second: int) -> float:
    if second < 0:
        return np.inf
    low, high = sorted((int(body.point[first]), int(body.point[second])))
    return 0.0 if low == high else float(body.condensed[high * (high - 1) // 2 + low])


def _annotated(person: dict[str, Any]) -> Any:
    mask = np.zeros((256, 256))
    for encoded in person["dp_masks"]:
        if encoded:
            mask[coco_mask.decode(encoded) > 0] = 1.0
    left, top, width, height = person["bbox"]
    stretched = zoom(mask, (max(height, 1) / 256, max(width, 1) / 256), order=1, prefilter=False) > 0.5
    return _encoded(stretched, (left, top, width, height))


def _detected(one: Detection) -> Any:
    return _encoded(one.iuv[0] > 0, one.box)


def _encoded(mask: NDArray[np.bool_], box: tuple[float, float, float, float]) -> Any:
    image = np.zeros(SIZE, np.uint8)
    left, top = int(box[0]), int(box[1])
    x0, x1 = max(left, 0), min(int(box[0] + box[2]), SIZE[1], left + mask.shape[1])
    y0, y1 = max(top, 0), min(int(box[1] + box[3]), SIZE[0], top + mask.shape[0])
    image[y0:y1, x0:x1] = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    return coco_mask.encode(np.asfortranarray(image))


def timed(evaluate: Callable[[], dict[str, float]]) -> tuple[float, dict[str, float]]:
    """CPU seconds of an evaluation, and its figures."""
    start = time.process_time()
    figures = evaluate()
    return time.process_time() - start, figures


def run(folder: Path, arguments: argparse.Namespace, console: Console) -> None:
    """Generate, evaluate by turns, and print."""
    path = folder / f"body-{arguments.vertices}-{arguments.seed}.safetensors"
    if not path.is_file():
        console.print(f"conversion of the table, once: {make_body(path, arguments.vertices, arguments.seed):.1f} s")
    body = read_geodesics(path)
    annotations = make_annotations(arguments.images, arguments.seed)
    detections = make_detections(annotations, arguments.seed)
    pair_by_pair = DensePoseMetric(annotations, body, similarity=PairByPair(annotations, body))

    def plain() -> dict[str, float]:
        pair_by_pair.reset()
        pair_by_pair.update(detections)
        return densepose_scores(pair_by_pair.evidence())

    def package() -> dict[str, float]:
        metric = DensePoseMetric(annotations, read_geodesics(path))
        metric.update(detections)
        return densepose_scores(metric.evidence())

    times: dict[str, list[float]] = {"pair by pair": [], "hcmoco_bench": []}
    for turn in range(arguments.turns):
        figures = []
        for name, evaluate in (("pair by pair", plain), ("hcmoco_bench", package)):
            seconds, found = timed(evaluate)
            times[name].append(seconds)
            figures.append(found)
        worst = max(abs(figures[0][name] - figures[1][name]) for name in figures[0])
        if worst > 1e-9:
            raise SystemExit(f"turn {turn}: the two differ by {worst}")
    pairs = sum(one.gps.size for one in pair_by_pair.pairs().values())
    console.print(
        f"{arguments.images} images, {len(detections)} detections, {pairs} pairs, {arguments.vertices} vertices"
    )
    table = Table()
    for column in ("", "CPU s", "ms per image"):
        table.add_column(column, justify="left" if not column else "right")
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, seconds in medians.items():
        table.add_row(name, f"{seconds:.2f}", f"{1000 * seconds / arguments.images:.2f}")
    console.print(table)
    ratios = sorted(a / b for a, b in zip(times["pair by pair"], times["hcmoco_bench"], strict=True))
    console.print(
        f"ratio {medians['pair by pair'] / medians['hcmoco_bench']:.1f} (turns {ratios[0]:.1f} to {ratios[-1]:.1f}); "
        "all 40 figures agree within 1e-9"
    )


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--vertices", type=int, default=27_554)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder that keeps the table of distances")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        run(arguments.keep, arguments, Console())
        return
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), arguments, Console())


if __name__ == "__main__":
    main()
