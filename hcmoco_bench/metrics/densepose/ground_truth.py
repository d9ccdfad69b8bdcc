"""Annotated people of DensePose-COCO, as far as scores need them.

Format: COCO's person annotations with `dp_x`, `dp_y` (points, 0..255 over the box), `dp_I`, `dp_U`, `dp_V` (their chart
coordinates) and `dp_masks` (14 masks of 256x256 over the box); see
https://github.com/facebookresearch/DensePose/blob/main/challenge/2019_COCO_DensePose/data_format.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose.body_charts import N_PARTS
from hcmoco_bench.metrics.densepose.coco_json import load_json

_POINTS = ("dp_x", "dp_y", "dp_I", "dp_U", "dp_V")
_BOX_UNITS = 255.0


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
    name = str(source) if isinstance(source, Path) else "annotations"
    content = load_json(source, "annotations_unreadable") if isinstance(source, Path) else source
    try:
        images = {int(image["id"]): (int(image["height"]), int(image["width"])) for image in content["images"]}
        person = _person(content)
        people: dict[int, list[Mapping[str, Any]]] = {image: [] for image in sorted(images)}
        for entry in content["annotations"]:
            if entry.get("category_id", person) == person:
                people[int(entry["image_id"])].append(entry)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _wrong(name, f"'images' and 'annotations' do not have COCO's form ({error!r})") from error
    return {image: _image(name, image, images[image], entries) for image, entries in people.items()}


def _person(content: Mapping[str, Any]) -> int:
    categories = content.get("categories") or [{"id": 1, "name": "person"}]
    if len(categories) == 1:
        return int(categories[0]["id"])
    named = [int(category["id"]) for category in categories if category.get("name") == "person"]
    if len(named) != 1:
        raise ValueError("no category 'person'")
    return named[0]


def _image(name: str, image: int, size: tuple[int, int], entries: list[Mapping[str, Any]]) -> AnnotatedImage:
    points = [_points(name, number, entry) for number, entry in enumerate(entries)]
    table = np.concatenate([np.zeros((0, 6)), *points])
    try:
        found = AnnotatedImage(
            image,
            size,
            np.array([int(entry["id"]) for entry in entries], np.int64),
            np.array([entry["bbox"] for entry in entries], np.float64).reshape(-1, 4),
            np.array([entry["area"] for entry in entries], np.float64),
            np.array([bool(entry.get("iscrowd", 0)) for entry in entries], np.bool_),
            np.array(["dp_x" in entry for entry in entries], np.bool_),
            tuple(entry.get("dp_masks", entry.get("segmentation")) for entry in entries),
            table[:, 0].astype(np.int64),
            table[:, 1:3],
            table[:, 3].astype(np.int64),
            table[:, 4:],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(name, f"a person of image {image} has no id, area, or bbox of four numbers") from error
    if not (np.isfinite(found.boxes).all() and np.isfinite(found.areas).all()):
        raise _wrong(name, f"a person of image {image} has a box or area that is not finite")
    return found


def _points(name: str, number: int, entry: Mapping[str, Any]) -> NDArray[np.float64]:
    """(P, 6) of one annotation: its place among the image's, x, y in the image, part, u, v."""
    if "dp_x" not in entry:
        return np.zeros((0, 6))
    try:
        x, y, part, u, v = (np.array(entry[key], np.float64).reshape(-1) for key in _POINTS)
        left, top, width, height = (float(value) for value in entry["bbox"])
        table = np.stack(
            [np.full(len(x), number), x * width / _BOX_UNITS + left, y * height / _BOX_UNITS + top, part, u, v], axis=1
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(name, f"annotation {entry.get('id')} has no {', '.join(_POINTS)} of one length") from error
    if not np.isfinite(table).all():
        raise _wrong(name, f"annotation {entry.get('id')} has points that are not finite")
    if not np.isin(part, np.arange(N_PARTS + 1)).all():
        raise _wrong(name, f"annotation {entry.get('id')} has points of parts outside 0..{N_PARTS}")
    return table[part > 0]


def _wrong(name: str, what: str) -> DataError:
    return DataError(
        f"{name}: {what}; give the annotations of DensePose-COCO", kind="annotations_unreadable", file=name
    )
