"""Check a row of a store of annotated photographs: the image, and every person in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.images import whole_image_size
from hcmoco_bench.store.kinds.keypoints.manifest import KeypointManifest


def keypoint_row_failures(row: Mapping[str, Any], manifest: KeypointManifest) -> Iterator[str]:
    """What is wrong with a row, a sentence each."""
    image = row["image"]
    if image is None or image["bytes"] is None or image["path"] is None:
        yield "the image is missing"
    else:
        if Path(image["path"]).stem != row["image_id"]:
            yield f"the image is called {image['path']}"
        stated = (row["width"], row["height"])
        try:
            size = whole_image_size(image["bytes"])
        except ImageError as error:
            yield f"the image is not a whole one: {error}"
        else:
            if size != stated:
                yield f"the image has {size[0]}x{size[1]} px, stated are {stated[0]}x{stated[1]}"
    n_joints = len(joint_set(manifest.joints))
    if manifest.schema_version == 1 and not row["people"]:
        yield "has nobody"
    for person in row["people"] or ():
        reasons = _person_failures(person, n_joints, row["width"], row["height"])
        yield from (f"person {person['person_id']}: {reason}" for reason in reasons)
        if person.get("iscrowd"):
            yield f"person {person['person_id']}: is a crowd, which is nobody to learn from"
    for person in row.get("ignored") or ():
        reasons = _ignored_failures(person, n_joints)
        yield from (f"ignored person {person['person_id']}: {reason}" for reason in reasons)


def _person_failures(person: Mapping[str, Any], n_joints: int, width: int, height: int) -> Iterator[str]:
    joints, state, center = person["joints"] or [], person["state"] or [], person["center"] or []
    if wrong := _wrong_form(joints, state, n_joints):
        yield wrong
        return
    if not any(state):
        yield "has no annotated joint"
    known = np.array(joints, np.float64)[np.array(state) > 0]
    if not _near(known, width, height):
        yield "has a joint that is not finite, or farther outside of the image than that is large"
    if len(center) != 2 or not _near(np.array([center], np.float64), width, height):
        yield f"its square is around {center}"
    scale = person["scale"]
    if scale is None or not 0 < scale < np.inf:
        yield f"its scale is {scale}"
    yield from _area_failures(person.get("area"))


def _ignored_failures(person: Mapping[str, Any], n_joints: int) -> Iterator[str]:
    state, box = person["state"] or [], person["box"]
    if wrong := _wrong_form(person["joints"] or [], state, n_joints):
        yield wrong
    elif any(state) and not person["iscrowd"]:
        yield "has annotated joints and is no crowd"
    if box is not None and (len(box) != 4 or not np.isfinite(box).all()):
        yield f"its box is {box}"
    yield from _area_failures(person["area"])


def _area_failures(area: float | None) -> Iterator[str]:
    if area is not None and not 0 <= area < np.inf:
        yield f"its area is {area}"


def _wrong_form(joints: list[Any], state: list[int], n_joints: int) -> str:
    if len(joints) != n_joints or {len(joint or ()) for joint in joints} != {2}:
        return f"joints are not ({n_joints}, 2)"
    return "" if len(state) == n_joints and set(state) <= {0, 1, 2} else f"state is not {n_joints} states 0..2"


def _near(points: NDArray[np.float64], width: int, height: int) -> bool:
    """Whether px (N, 2) are at most an image's size outside of it; annotators do mark joints a little outside."""
    size = np.array([width, height])
    return bool(np.isfinite(points).all() and (points >= -size).all() and (points <= 2 * size).all())
