"""Annotated people of DensePose-COCO, as far as scores need them: an image's people as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.densepose.body_charts import N_PARTS
from hcmoco_bench.sources.densepose.layout import POINT_RANGE
from hcmoco_bench.sources.densepose.records import PersonRecord, read_records, wrong_file


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """The people of one image, G of them with P annotated points in all.

    Attributes:
        image_id: COCO's number of the image.
        size: Its height and width, px.
        ids: (G,) annotation ids.
        boxes: (G, 4) float64 left, top, width, height, px.
        areas: (G,) float64 px.
        crowd: (G,) whether it is a group of people.
        dense: (G,) whether it has points; others are not looked for in dense poses, finding them is no error.
        masks: G of: `dp_masks`, else `segmentation`, else None.
        owner: (P,) annotation (0..G-1) of each point, ascending; points on background (`dp_I` 0) are left out.
        xy: (P, 2) float64 px in the image.
        part: (P,) int64 chart 1..24.
        uv: (P, 2) float64.
    """

    image_id: int
    size: tuple[int, int]
    ids: NDArray[np.int64]
    boxes: NDArray[np.float64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    dense: NDArray[np.bool_]
    masks: tuple[Any, ...]
    owner: NDArray[np.int64]
    xy: NDArray[np.float64]
    part: NDArray[np.int64]
    uv: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.ids)


def read_annotations(source: Path | Mapping[str, Any]) -> dict[int, AnnotatedImage]:
    """Annotations by image, in ascending order of image ids; images without people are there too.

    Args:
        source: COCO's JSON file, or its content.

    Raises:
        DataError: Kind `annotations_unreadable`: missing, truncated, not of this form, or with numbers that are not
            finite; names the annotation.
    """
    records = read_records(source)
    people: dict[int, list[PersonRecord]] = {image: [] for image in sorted(records.sizes)}
    for entry in records.people:
        try:
            if entry.image not in people:
                raise ValueError(f"is in image {entry.image}; 'images' of COCO's form does not list it")
            people[entry.image].append(_scorable(entry.read()))
        except ValueError as error:
            raise wrong_file(records.name, f"annotation {entry.id} {error}") from error
    return {image: _image(image, records.sizes[image], found) for image, found in people.items()}


def _scorable(person: PersonRecord) -> PersonRecord:
    """The same person; raises ValueError if it cannot be compared with detections."""
    if person.area is None:
        raise ValueError("has no area")
    if person.points is not None:
        if not np.isfinite(person.points).all():
            raise ValueError("has points that are not finite")
        if not np.isin(person.points[:, 2], np.arange(N_PARTS + 1)).all():
            raise ValueError(f"has points of parts outside 0..{N_PARTS}")
    return person


def _image(image: int, size: tuple[int, int], people: list[PersonRecord]) -> AnnotatedImage:
    table = np.concatenate([np.zeros((0, 6)), *(_points(number, person) for number, person in enumerate(people))])
    return AnnotatedImage(
        image,
        size[::-1],
        np.array([person.id for person in people], np.int64),
        np.array([person.box for person in people], np.float64).reshape(-1, 4),
        np.array([person.area for person in people], np.float64),
        np.array([person.crowd for person in people], np.bool_),
        np.array([person.points is not None for person in people], np.bool_),
        tuple(person.segmentation if person.masks is None else person.masks for person in people),
        table[:, 0].astype(np.int64),
        table[:, 1:3],
        table[:, 3].astype(np.int64),
        table[:, 4:],
    )


def _points(number: int, person: PersonRecord) -> NDArray[np.float64]:
    """(P, 6) of one annotation: its place among the image's, x, y in the image, part, u, v."""
    if person.points is None:
        return np.zeros((0, 6))
    x, y, part, u, v = person.points.T
    left, top, width, height = person.box
    place = [x * width / POINT_RANGE + left, y * height / POINT_RANGE + top]
    table: NDArray[np.float64] = np.stack([np.full(len(x), number), *place, part, u, v], axis=1)
    return table[table[:, 3] > 0]
