"""A small body, people annotated on it, and detections near them."""

from __future__ import annotations

from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from hcmoco_bench.metrics.densepose import BodyCharts, Detection, Geodesics

SIZE = (120, 160)
"""Height and width of the images, px."""


def make_body(per_part: int = 8, seed: int = 0) -> Geodesics:
    """24 charts of so many vertices, every third of which is the same point as one of another chart."""
    rng = np.random.default_rng(seed)
    part = np.repeat(np.arange(1, 25), per_part)
    n_points = 2 * len(part) // 3
    point = np.concatenate([rng.permutation(n_points), rng.integers(0, n_points, len(part) - n_points)])
    places = rng.random((n_points, 3))
    low, high = np.tril_indices(n_points, -1)
    distances = np.linalg.norm(places[low] - places[high], axis=1)
    return Geodesics(BodyCharts.of(part, *rng.random((2, len(part)))), point, distances)


def make_annotations(n_images: int = 6, seed: int = 0) -> dict[str, Any]:
    """COCO's form; some people are crowds, some without points, the last image is empty."""
    rng = np.random.default_rng(seed)
    people: list[dict[str, Any]] = []
    for image in range(1, n_images):
        for _ in range(rng.integers(1, 4)):
            width, height = (int(side) for side in rng.integers(20, 110, 2))
            left, top = int(rng.integers(0, SIZE[1] - width)), int(rng.integers(0, max(1, SIZE[0] - height)))
            area = 0.8 * width * height
            person = {"id": 10 + len(people), "image_id": image, "category_id": 1, "area": area, "iscrowd": 0}
            person["bbox"] = [left, top, width, height]
            if rng.random() < 0.8:
                person |= _points(rng)
                person["iscrowd"] = int(rng.random() < 0.1)
            elif rng.random() < 0.5:
                person["segmentation"] = [[left, top, left + width, top, left + width, top + height]]
                person["iscrowd"] = int(rng.random() < 0.5)
            people.append(person)
    images = [{"id": number, "height": SIZE[0], "width": SIZE[1]} for number in range(1, n_images + 1)]
    return {"images": images, "annotations": people, "categories": [{"id": 1, "name": "person"}]}


def _points(rng: np.random.Generator) -> dict[str, Any]:
    n = int(rng.integers(5, 30))
    y, x = np.mgrid[:256, :256]
    masks: list[Any] = [[] for _ in range(14)]
    for place in rng.integers(0, 14, 3):
        cy, cx, r = rng.uniform(40, 216, 3)
        disc = ((y - cy) ** 2 + (x - cx) ** 2 < (r / 2) ** 2).astype(np.uint8)
        encoded = coco_mask.encode(np.asfortranarray(disc))
        masks[place] = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    return {
        "dp_I": rng.integers(0, 25, n).astype(float).tolist(),
        "dp_masks": masks,
        **{name: rng.uniform(0, 255, n).tolist() for name in ("dp_x", "dp_y")},
        **{name: rng.random(n).tolist() for name in ("dp_U", "dp_V")},
    }


def make_detections(annotations: dict[str, Any], seed: int = 0) -> list[Detection]:
    """Up to three a person, with boxes from nearly the same to far off; some charts are the annotated ones."""
    rng = np.random.default_rng(seed)
    found = []
    for person in annotations["annotations"]:
        for _ in range(rng.integers(0, 4)):
            spread = rng.choice([0.5, 3.0, 15.0])
            left, top, width, height = np.array(person["bbox"]) + rng.normal(0, spread, 4)
            box = (float(left), float(top), max(float(width), 3.0), max(float(height), 3.0))
            iuv = rng.integers(0, 256, (3, int(box[3]), int(box[2]))).astype(np.uint8)
            iuv[0] = rng.integers(0, 25, iuv.shape[1:]) * (rng.random(iuv.shape[1:]) < 0.8)
            _paint(iuv, box, person, rng)
            found.append(Detection(person["image_id"], box, float(np.round(rng.random(), 1)), iuv))
    return found


def _paint(iuv: Any, box: tuple[float, ...], person: dict[str, Any], rng: np.random.Generator) -> None:
    if "dp_x" not in person or rng.random() < 0.3:
        return
    left, top, width, height = person["bbox"]
    x = (np.array(person["dp_x"]) * width / 255 + left - box[0]).astype(int)
    y = (np.array(person["dp_y"]) * height / 255 + top - box[1]).astype(int)
    inside = (x >= 0) & (y >= 0) & (x < iuv.shape[2]) & (y < iuv.shape[1])
    values = np.stack([np.array(person["dp_I"]), *(255 * np.array(person[name]) for name in ("dp_U", "dp_V"))])
    iuv[:, y[inside], x[inside]] = values[:, inside]
