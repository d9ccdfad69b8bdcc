"""What COCO says of a photograph: image and annotation entries, polygons, keypoints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.synth.photographs.face_points import FACE_POINTS
from hcmoco_bench.synth.photographs.photograph import Photograph, PhotographedPerson

_FINER: Final = 4
_TOLERANCE: Final = 0.4
"""Px by which a polygon may leave the mask's edge."""

LICENSE: Final = {"id": 1, "name": "CC0 1.0", "url": "https://creativecommons.org/publicdomain/zero/1.0/"}


def image_entry(number: int, name: str, photograph: Photograph) -> dict[str, Any]:
    """The entry of `images`."""
    height, width = photograph.rgb.shape[:2]
    return {
        "id": number,
        "file_name": name,
        "width": width,
        "height": height,
        "license": LICENSE["id"],
        "coco_url": "",
        "flickr_url": "",
        "date_captured": "2026-01-01 00:00:00",
    }


def person_entry(person: PhotographedPerson) -> dict[str, Any]:
    """The entry of `annotations` without its ids: polygons, area, box, keypoints."""
    keypoints = _keypoints(person)
    return {
        "category_id": 1,
        "iscrowd": 0,
        "segmentation": polygons(person.mask),
        "area": float(person.mask.sum()),
        "bbox": [float(value) for value in person.box],
        "num_keypoints": int((keypoints[:, 2] > 0).sum()),
        "keypoints": keypoints.reshape(-1).tolist(),
    }


def polygons(mask: NDArray[np.bool_]) -> list[list[float]]:
    """The outlines of a mask (H, W) as COCO writes them: x, y, x, y, ... px, edges between pixels (px 0 is 0 to 1)."""
    fine = cv2.resize(mask.astype(np.uint8), None, fx=_FINER, fy=_FINER, interpolation=cv2.INTER_NEAREST)
    outlines, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    found = []
    for outline in outlines:
        corners = cv2.approxPolyDP(outline, _TOLERANCE * _FINER, closed=True).reshape(-1, 2)
        if len(corners) >= 3:
            found.append([round(float(value), 2) for value in ((corners + 0.5) / _FINER).reshape(-1)])
    return sorted(found, key=len, reverse=True)


def _keypoints(person: PhotographedPerson) -> NDArray[np.int64]:
    """(17, 3) x, y in whole px, visibility. Sides are the image's, which is mirrored."""
    kinect = joint_set("kinect25")
    rows = []
    for name in joint_set("coco17").joints:
        own = name.replace("left", "LEFT").replace("right", "left").replace("LEFT", "right")
        if own in FACE_POINTS:
            index = FACE_POINTS.index(own)
            place, state = person.face[index], int(person.face_state[index])
        else:
            index = kinect.index(own)
            place, state = person.joints[index], int(person.joint_state[index])
        rows.append([*np.round(place).astype(int), state] if state else [0, 0, 0])
    return np.array(rows, np.int64)


def category() -> dict[str, Any]:
    """The person category with names and limbs of the keypoints, limbs counted from 1."""
    joints = joint_set("coco17")
    return {
        "id": 1,
        "name": "person",
        "supercategory": "person",
        "keypoints": [name.replace(" ", "_") for name in joints.joints],
        "skeleton": [[a + 1, b + 1] for a, b in joints.edges],
    }


def annotation_files(
    what: str, names: Mapping[str, str], splits: Mapping[str, range], records: Sequence[Any]
) -> dict[str, str]:
    """The annotation files of a data set; people are numbered from 1 through all of them.

    Args:
        what: What the data set is, in sentences.
        names: Of the files, by split.
        splits: Numbers of the photographs of each split.
        records: By number: `image`, its entry, and `people`, their entries without ids.

    Returns:
        By file name, the content.
    """
    files: dict[str, str] = {}
    first = 1
    for split, numbers in splits.items():
        chosen = [records[number] for number in numbers]
        people = [entry for record in chosen for entry in record["people"]]
        files[names[split]] = json.dumps(_document(f"{what} {split}.", [one["image"] for one in chosen], people, first))
        first += len(people)
    return files


def _document(
    description: str, images: list[dict[str, Any]], annotations: list[dict[str, Any]], first: int
) -> dict[str, Any]:
    """A whole annotation file; annotations are given ids from `first` in their order."""
    return {
        "info": {"description": description, "url": "", "version": "1.0", "year": 2026, "contributor": "hcmoco-bench"},
        "licenses": [LICENSE],
        "images": images,
        "annotations": [{"id": number, **entry} for number, entry in enumerate(annotations, first)],
        "categories": [category()],
    }
