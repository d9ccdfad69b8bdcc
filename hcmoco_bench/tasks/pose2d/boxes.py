"""Boxes of people that a detector found: COCO results JSON of `image_id`, `category_id`, `bbox` and `score`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np

from hcmoco_bench.data.pose2d_crops import PoseBoxes, rectangles
from hcmoco_bench.data.pose_split import PoseSplit
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.whole_numbers import whole_number
from hcmoco_bench.metrics.person_category import is_category_of_people
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings

_UNREADABLE: Final = "boxes_unreadable"
_OTHER_SPLIT: Final = 0.5
"""A file of whose boxes more than this share is in images of no split that is scored, is of another one."""


def detected_boxes(
    path: Path, split: PoseSplit, numbers: Sequence[int], aspect: float, config: Pose2dSettings
) -> tuple[PoseBoxes, list[Problem]]:
    """The rectangles around the people that a detector found.

    Args:
        path: The file: a list of `{"image_id", "category_id", "bbox": [x, y, width, height], "score"}`, boxes in px
            with edges between pixels.
        split: The images.
        numbers: COCO's id of each image.
        aspect: Width of the crop over its height.
        config: The settings; boxes of lower scores than `box_threshold` are left out.

    Returns:
        The rectangles in the order of the file, and one problem line for each reason for which boxes are left out.

    Raises:
        DataError: If the file cannot be read, an entry is damaged or has numbers that are not finite, or no box is left
            (`boxes_unreadable`); or most boxes are in images of another split (`boxes_of_other_images`).
    """
    entries = read_json(path, kind=_UNREADABLE)
    if not isinstance(entries, list) or not entries:
        _fail(path, "it is no list of boxes" if not isinstance(entries, list) else "it holds no box")
    place = {number: row for row, number in enumerate(numbers)}
    left: Counter[str] = Counter()
    images, boxes, scores = [], [], []
    for number, entry in enumerate(entries):
        image, box, score = _entry(path, number, entry)
        if not is_category_of_people(entry.get("category_id", 1)):
            left["box_category"] += 1
        elif image not in place:
            left["box_other_image"] += 1
        elif box[2] <= 0 or box[3] <= 0:
            left["box_empty"] += 1
        elif score < config.box_threshold:
            left["box_threshold"] += 1
        else:
            images.append(place[image])
            boxes.append(box)
            scores.append(score)
    of_people = len(entries) - left["box_category"]
    if left["box_other_image"] > _OTHER_SPLIT * of_people:
        raise DataError(
            f"{path}: {left['box_other_image']} of {of_people} boxes are in images that are not in {split.name}; "
            "give the boxes of this split",
            kind="boxes_of_other_images",
            file=str(path),
        )
    if not images:
        _fail(path, f"none of its {len(entries)} boxes can be used ({_told(left)})")
    rows = np.array(images, np.int64)
    centers, sizes = rectangles(np.array(boxes, np.float64), aspect)
    found = PoseBoxes(rows, centers, sizes, np.array(scores), np.full(len(rows), -1, np.int64))
    problems = [
        Problem("", kind, str(path), f"{path}: {count} boxes {_WHY[kind]}; left out", kept=True)
        for kind, count in left.items()
        if count
    ]
    return found, problems


_WHY: Final[Mapping[str, str]] = {
    "box_category": "are of other categories than people",
    "box_other_image": "are in images that are not in the split",
    "box_empty": "have no size",
    "box_threshold": "have a score below box_threshold",
}


def _entry(path: Path, number: int, entry: Any) -> tuple[int, list[float], float]:
    try:
        image, score = whole_number(entry["image_id"]), float(entry["score"])
        box = [float(value) for value in entry["bbox"]]
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        _fail(path, f"entry {number} lacks image_id, bbox or score, or has no numbers there ({error})", error)
    if len(box) != 4 or not np.isfinite([*box, score]).all():
        _fail(path, f"entry {number}, image {image}: box {box} and score {score} are not 4 and 1 finite numbers")
    return image, box, score


def _told(left: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {_WHY[kind]}" for kind, count in left.items() if count)


def _fail(path: Path, why: str, error: BaseException | None = None) -> NoReturn:
    raise DataError(
        f"{path}: not boxes of people in COCO's results form ({why}); give a list of image_id, category_id, bbox "
        "and score",
        kind=_UNREADABLE,
        file=str(path),
    ) from error
