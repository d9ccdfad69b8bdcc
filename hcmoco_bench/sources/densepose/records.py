"""What DensePose-COCO's annotation files state about images and people, in full precision and not yet judged.

COCO's form, with `dp_x`, `dp_y` (points, 0..255 over the box), `dp_I`, `dp_U`, `dp_V` (their chart coordinates) and
`dp_masks` (14 masks of 256x256 over the box) for some of the people; see
https://github.com/facebookresearch/DensePose/blob/main/challenge/2019_COCO_DensePose/data_format.md.

Training and evaluation have different rules for what may be used (`annotations.py`, `metrics/densepose`); both start
from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.whole_numbers import is_set, whole_number

POINT_FIELDS: Final = ("dp_x", "dp_y", "dp_I", "dp_U", "dp_V")
"""The columns of a person's points."""

_PERSON: Final = 1


@dataclass(frozen=True, eq=False)
class PersonRecord:
    """One person.

    Attributes:
        id: Number of the annotation.
        box: (4,) float64 left, top, width, height px, finite; edges between pixels.
        area: Area in px, finite; None if it is not stated.
        crowd: Whether it stands for several people.
        points: (P, 5) float64 of `POINT_FIELDS`, as written; None for people who were not annotated with points.
        masks: `dp_masks` as written; None if there are none.
        segmentation: Polygons or a run-length encoded mask of the image, as written; None if there is none.
    """

    id: int
    box: NDArray[np.float64]
    area: float | None
    crowd: bool
    points: NDArray[np.float64] | None
    masks: Any
    segmentation: Any


@dataclass(frozen=True)
class PersonEntry:
    """A person's entry that is not read yet: the image that it names, its own number, and the JSON object."""

    image: int
    id: int
    content: Mapping[str, Any]

    def read(self) -> PersonRecord:
        """The person.

        Raises:
            ValueError: If it is not of DensePose-COCO's form; says what is wrong, after the annotation's number.
        """
        try:
            box = np.array([float(value) for value in self.content["bbox"]])
            area = self.content.get("area")
            area = None if area is None else float(area)
            crowd = is_set(self.content.get("iscrowd"))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError("has no bbox of four numbers, or an area or iscrowd that is no number") from error
        if box.shape != (4,):
            raise ValueError("has no bbox of four numbers")
        if not np.isfinite([*box, area or 0.0]).all():
            raise ValueError("has a box or area that is not finite")
        return PersonRecord(
            self.id, box, area, crowd, self._points(), self.content.get("dp_masks"), self.content.get("segmentation")
        )

    def _points(self) -> NDArray[np.float64] | None:
        if all(self.content.get(name) is None for name in POINT_FIELDS):
            return None
        try:
            columns = [np.array(self.content[name], np.float64) for name in POINT_FIELDS]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"has no {', '.join(POINT_FIELDS)} that are lists of numbers") from error
        if len({column.shape for column in columns}) != 1 or columns[0].ndim != 1:
            lengths = ", ".join(f"{name} {column.size}" for name, column in zip(POINT_FIELDS, columns, strict=True))
            raise ValueError(f"has no {', '.join(POINT_FIELDS)} of one length ({lengths})")
        return np.stack(columns, axis=1)


@dataclass(frozen=True)
class DensePoseRecords:
    """An annotation file.

    Attributes:
        name: The file, or `annotations` for content that was given as it is.
        sizes: Width and height of each image in px, by its id.
        file_names: File name of each image that has one, by its id.
        people: People's entries in the file's order; the image of one may not be listed.
    """

    name: str
    sizes: dict[int, tuple[int, int]]
    file_names: dict[int, str]
    people: tuple[PersonEntry, ...]


def read_records(source: Path | Mapping[str, Any]) -> DensePoseRecords:
    """Read an annotation file.

    Args:
        source: The JSON file, or its content.

    Raises:
        DataError: Kind `annotations_unreadable`: missing, cut off, or not of COCO's form.
    """
    name = str(source) if isinstance(source, Path) else "annotations"
    content = read_json(source, kind="annotations_unreadable") if isinstance(source, Path) else source
    try:
        images = {whole_number(image["id"]): image for image in content["images"]}
        person = _person(content)
        return DensePoseRecords(
            name,
            {key: (int(image["width"]), int(image["height"])) for key, image in images.items()},
            {key: str(image["file_name"]) for key, image in images.items() if "file_name" in image},
            tuple(
                PersonEntry(whole_number(entry["image_id"]), whole_number(entry["id"]), entry)
                for entry in content["annotations"]
                if whole_number(entry.get("category_id", person)) == person
            ),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise wrong_file(name, f"'images' and 'annotations' do not have COCO's form ({error!r})") from error


def wrong_file(name: str, what: str) -> DataError:
    """The error for a file that cannot be used as DensePose-COCO's annotations."""
    return DataError(
        f"{name}: {what}; give the annotations of DensePose-COCO", kind="annotations_unreadable", file=name
    )


def _person(content: Mapping[str, Any]) -> int:
    """The category of people."""
    categories = content.get("categories") or [{"id": _PERSON, "name": "person"}]
    if len(categories) == 1:
        return whole_number(categories[0]["id"])
    named = [whole_number(category["id"]) for category in categories if category.get("name") == "person"]
    if len(named) != 1:
        raise ValueError("no category 'person'")
    return named[0]
