"""MPII's people from JSON: `[{"image", "joints" 16 x 2, "joints_vis" 16, "center", "scale"}, ...]`.

The files are those that HRNet and its successors train on, `annot/train.json` and `annot/valid.json` beside `images/`.
Their numbers come from Matlab and count from 1; here they count from 0. As published with them, a person's square is
moved down by 15 x scale px and then enlarged by 1.25, so that no limb is cut off. The boxes of heads, without which
PCKh cannot be computed, are in `annot/gt_valid.mat`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.sources.annotation_json import find_json, wrong_form
from hcmoco_bench.sources.inside import path_inside, portable_name
from hcmoco_bench.sources.mpii.head_boxes import HeadBoxes, find_head_boxes, read_head_boxes
from hcmoco_bench.sources.people import UNKNOWN, VISIBLE, IgnoredPerson, Person, Photograph, Photographs

JOINT_SET: Final = "mpii16"
FILES: Final = {"train": "annot/train.json", "validation": "annot/valid.json"}
DOWN: Final = 15.0
LARGER: Final = 1.25
_DIFFERS: Final = "head_box_differs"
_MOST_DIFFERING: Final = 0.1
"""With a larger share of people whose joints are others, the boxes of heads are taken to be of another release."""


def find_annotations(root: Path) -> dict[str, Path]:
    """The annotation files by split (`train`, `validation`); see `find_json` for others, and for errors."""
    return find_json(root, FILES)


def read_annotations(path: Path, root: Path) -> Photographs:
    """Read an annotation file.

    Args:
        path: The JSON file.
        root: Folder of the data set; images are in `images/` below it, or in it.

    Returns:
        All of its images with their people. `joints_vis` 0 means not annotated. People without joints (`no_joints`) are
        problems that are kept as ignored people; entries that are wrong (`annotation_wrong`) and images
        outside of the data set's folder (`path_outside`) are left out. People of validation images have the boxes of
        their heads if `gt_valid.mat` is there; where its joints are others, the box is left out (`head_box_differs`).

    Raises:
        DataError: Kind `annotations_unreadable`: not JSON, or not of this form. Kind `head_boxes_unreadable`: not that
            file, or one of other people.
    """
    entries = read_json(path, kind="annotations_unreadable")
    if not isinstance(entries, list) or not all(isinstance(e, dict) and "image" in e for e in entries):
        raise wrong_form(path, "a list of entries with 'image', 'joints', 'joints_vis', 'center' and 'scale'")
    heads = _head_boxes(path, len(entries))
    folder = root / "images" if (root / "images").is_dir() else root
    people: dict[str, list[Person]] = {}
    ignored: dict[str, list[IgnoredPerson]] = {}
    problems: list[Problem] = []
    number: Counter[str] = Counter()
    for place, entry in enumerate(entries):
        image = portable_name(str(entry["image"]))
        identifier = f"{Path(storable(image)).stem}_{number[image]:02d}"
        number[image] += 1
        try:
            found = replace(_person(identifier, entry, path), place=place)
        except DataError as error:
            problems.append(Problem.from_error(identifier, error))
            continue
        if isinstance(found, Person):
            if heads is not None:
                found = _with_head(found, heads, place, path, problems)
            people.setdefault(image, []).append(found)
        else:
            ignored.setdefault(image, []).append(found)
            reason = f"{path}: person {identifier} has no annotated joint"
            problems.append(Problem(identifier, "no_joints", str(path), reason, kept=True))
    differing = sum(problem.kind == _DIFFERS for problem in problems)
    if heads is not None and differing > _MOST_DIFFERING * len(entries):
        raise DataError(
            f"{find_head_boxes(path)}: {differing} of {len(entries)} people have their joints elsewhere than in "
            f"{path.name}; both files must be of one release",
            kind="head_boxes_unreadable",
            file=str(path),
        )
    photographs = []
    for name in sorted(number):
        try:
            file = path_inside(folder, name)
        except DataError as error:
            problems.append(Problem.from_error(storable(name), error))
            continue
        photographs.append(
            Photograph(storable(name), file, None, tuple(people.get(name, ())), tuple(ignored.get(name, ())))
        )
    beside = find_head_boxes(path) if heads is not None else None
    return Photographs(JOINT_SET, path, tuple(photographs), tuple(problems), (beside,) if beside else ())


def _person(identifier: str, entry: dict[str, Any], path: Path) -> Person | IgnoredPerson:
    n_joints = len(joint_set(JOINT_SET))
    try:
        joints = np.array(entry["joints"], np.float32)
        state = np.where(np.array(entry["joints_vis"], np.float64) > 0, VISIBLE, UNKNOWN).astype(np.uint8)
        center, scale = np.array(entry["center"], np.float32), float(entry["scale"])
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(identifier, f"cannot be read ({type(error).__name__}: {error})", path) from error
    if joints.shape != (n_joints, 2) or state.shape != (n_joints,) or center.shape != (2,):
        raise _wrong(identifier, f"has {joints.shape} joints and {state.shape} states, not {n_joints}", path)
    if not (np.isfinite(joints[state > 0]).all() and np.isfinite(center).all() and np.isfinite(scale) and scale > 0):
        raise _wrong(identifier, "has joints or a box that are not finite, or a scale that is not above 0", path)
    if not state.any():
        return IgnoredPerson(identifier, np.zeros((n_joints, 2), np.float32), state, None, None, crowd=False)
    joints = np.where(state[:, None] > 0, joints - 1.0, 0.0).astype(np.float32)
    center = center + np.array([-1.0, DOWN * scale - 1.0], np.float32)
    return Person(identifier, joints, state, center.astype(np.float32), scale * LARGER)


def _head_boxes(path: Path, people: int) -> HeadBoxes | None:
    """The boxes of heads beside an annotation file of the validation split; None if there are none."""
    beside = find_head_boxes(path) if path.name == Path(FILES["validation"]).name else None
    if beside is None:
        return None
    heads = read_head_boxes(beside)
    if len(heads.boxes) != people:
        raise DataError(
            f"{beside}: boxes of {len(heads.boxes)} heads, but {path.name} has {people} people; both files must be of "
            "one release",
            kind="head_boxes_unreadable",
            file=str(beside),
        )
    return heads


def _with_head(person: Person, heads: HeadBoxes, place: int, path: Path, problems: list[Problem]) -> Person:
    if heads.agrees(place, person.joints, person.state > 0):
        return replace(person, head_box=heads.boxes[place])
    reason = f"{path}: person {person.id} has other joints in the file of the heads' boxes; it is not scored by PCKh"
    problems.append(Problem(person.id, _DIFFERS, str(path), reason, kept=True))
    return person


def _wrong(identifier: str, what: str, path: Path) -> DataError:
    return DataError(f"{path}: person {identifier} {what}", kind="annotation_wrong", file=str(path))
