"""COCO's people from `annotations/person_keypoints_{train,val}2017.json`, with all 17 joints.

A person's square has the middle of the box, and 1.25 times its longer side, as in published pose training. Crowds and
people without annotated joints are not learned from; scoring ignores them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.declared_joints import declared_order
from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.whole_numbers import is_set, whole_number
from hcmoco_bench.sources.annotation_json import find_json, wrong_form
from hcmoco_bench.sources.inside import path_inside, portable_name
from hcmoco_bench.sources.people import BOX_UNIT, IgnoredPerson, Person, Photograph, Photographs

JOINT_SET: Final = "coco17"
FILES: Final = {
    "train": "annotations/person_keypoints_train2017.json",
    "validation": "annotations/person_keypoints_val2017.json",
}
LARGER: Final = 1.25
_PERSON: Final = 1


def find_annotations(root: Path) -> dict[str, Path]:
    """The annotation files by split (`train`, `validation`); see `find_json` for others, and for errors."""
    return find_json(root, FILES)


def read_annotations(path: Path, root: Path) -> Photographs:
    """Read an annotation file.

    Args:
        path: The JSON file.
        root: Folder of the data set; images are in `train2017/` or `val2017/` below it (or below `images/`), by the
            name of the file, or in it.

    Returns:
        All of its images with their people. Crowds (`crowd`) and people without joints (`no_joints`) are problems that
        are kept as ignored people; entries that are wrong (`annotation_wrong`) and images outside of
        the data set's folder (`path_outside`) are left out. Joints that the file declares in another order are sorted.

    Raises:
        DataError: Kind `annotations_unreadable`: not JSON, or not of this form.
        LabelError: Kind `joints_differ`: the file declares other joints than COCO's.
    """
    content = read_json(path, kind="annotations_unreadable")
    try:
        images = {whole_number(image["id"]): image for image in content["images"]}
        names = {key: portable_name(str(image["file_name"])) for key, image in images.items()}
        sizes = {key: (int(image["width"]), int(image["height"])) for key, image in images.items()}
        entries = [
            (whole_number(entry["image_id"]), whole_number(entry["id"]), entry) for entry in content["annotations"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise wrong_form(path, "'images' or 'annotations' of COCO's form") from error
    order = declared_order(content, joint_set(JOINT_SET), source=str(path))
    folder = _images(path, root)
    people: dict[int, list[Person]] = {key: [] for key in images}
    ignored: dict[int, list[IgnoredPerson]] = {key: [] for key in images}
    problems: list[Problem] = []
    for place, (image, number, entry) in enumerate(entries):
        if not _of_person(entry):
            continue
        try:
            if image not in images:
                raise _wrong(number, f"is in image {image}, which is not listed", path)
            found = replace(_person(number, entry, sizes[image], order, path), place=place)
        except DataError as error:
            problems.append(Problem.from_error(str(number), error))
            continue
        if isinstance(found, Person):
            people[image].append(found)
        else:
            ignored[image].append(found)
            kind, what = ("crowd", "is a crowd") if found.crowd else ("no_joints", "has no annotated joint")
            problems.append(Problem(found.id, kind, str(path), f"{path}: annotation {number} {what}", kept=True))
    photographs = []
    for key, name in names.items():
        try:
            file = path_inside(folder, name)
        except DataError as error:
            problems.append(Problem.from_error(storable(name), error))
            continue
        photographs.append(
            Photograph(storable(name), file, sizes[key], tuple(people[key]), tuple(ignored[key]), _number(key))
        )
    return Photographs(JOINT_SET, path, tuple(sorted(photographs, key=lambda p: p.name)), tuple(problems))


def _of_person(entry: dict[str, Any]) -> bool:
    try:
        return whole_number(entry.get("category_id")) == _PERSON
    except ValueError:
        return False


def _number(key: int) -> int | None:
    """An image's id as a store can hold it, in 64 bits."""
    return key if -(2**63) <= key < 2**63 else None


def _images(path: Path, root: Path) -> Path:
    split = path.stem.removeprefix("person_keypoints_")
    for folder in (root / split, root / "images" / split, root / "images"):
        if folder.is_dir():
            return folder
    return root


def _person(
    number: int, entry: dict[str, Any], size: tuple[int, int], order: NDArray[np.intp], path: Path
) -> Person | IgnoredPerson:
    n_joints = len(joint_set(JOINT_SET))
    try:
        with np.errstate(over="ignore"):  # what is not finite is named below
            values = np.array(entry["keypoints"], np.float32)
        box = np.array(entry["bbox"], np.float64)
        crowd = is_set(entry.get("iscrowd"))
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(number, f"cannot be read ({type(error).__name__}: {error})", path) from error
    if values.shape != (3 * n_joints,) or box.shape != (4,):
        raise _wrong(number, f"has {values.size} numbers for {n_joints} joints and {box.size} for a box", path)
    if not (np.isfinite(values).all() and np.isfinite(box).all()):
        raise _wrong(number, "has numbers that are not finite", path)
    keypoints = values.reshape(n_joints, 3)[order]
    state = keypoints[:, 2]
    if not np.isin(state, (0, 1, 2)).all():
        raise _wrong(number, "has a visibility that is not 0, 1 or 2", path)
    joints = np.where(state[:, None] > 0, keypoints[:, :2], 0.0).astype(np.float32)
    area = _area(entry)
    if crowd or not state.any():
        return IgnoredPerson(str(number), joints, state.astype(np.uint8), box, area, crowd)
    center, scale = _square(box, size)
    if scale <= 0:
        raise _wrong(number, "has a box outside of the image, or without area", path)
    return Person(str(number), joints, state.astype(np.uint8), center.astype(np.float32), scale, area, box)


def _area(entry: dict[str, Any]) -> float | None:
    """The annotated area, px^2; None if there is none, which training does without."""
    area = entry.get("area")
    return float(area) if isinstance(area, int | float) and 0 <= area < np.inf else None


def _square(box: NDArray[np.float64], size: tuple[int, int]) -> tuple[NDArray[np.float64], float]:
    """Middle and scale of the square around a box (x, y, width, height), cut to the image first."""
    low = np.clip(box[:2], 0.0, None)
    high = np.minimum(box[:2] + box[2:], size)
    side = float((high - low).max()) if (high > low).all() else 0.0
    # A box's edges are between pixels: px 0 reaches from 0 to 1 there, and from -0.5 to 0.5 here.
    return (low + high) / 2.0 - 0.5, LARGER * side / BOX_UNIT


def _wrong(number: int, what: str, path: Path) -> DataError:
    return DataError(f"{path}: annotation {number} {what}", kind="annotation_wrong", file=str(path))
