"""What must be true of people in a store of photographs: `prepare` leaves the others out, `verify` names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def person_failures(person: Mapping[str, Any], n_joints: int, width: int, height: int) -> Iterator[str]:
    """What is wrong with a person to learn from, a sentence each.

    Args:
        person: In the form of `columns.PERSON`.
        n_joints: Number of joints that people have.
        width: Of the image, px.
        height: Of the image, px.
    """
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
    if person.get("iscrowd"):
        yield "is a crowd, which is nobody to learn from"
    yield from _box_failures(person.get("box"), "box")
    yield from _box_failures(head := person.get("head_box"), "head box")
    if head is not None and len(head) == 4 and head[:2] == head[2:]:
        yield f"its head box {head} has no size"


def ignored_failures(person: Mapping[str, Any], n_joints: int) -> Iterator[str]:
    """What is wrong with a person to be ignored, in the form of `columns.IGNORED`, a sentence each."""
    state, box = person["state"] or [], person["box"]
    if wrong := _wrong_form(person["joints"] or [], state, n_joints):
        yield wrong
    elif any(state) and not person["iscrowd"]:
        yield "has annotated joints and is no crowd"
    yield from _box_failures(box, "box")
    yield from _area_failures(person["area"])


def _box_failures(box: list[float] | None, what: str) -> Iterator[str]:
    if box is not None and (len(box) != 4 or not np.isfinite(np.array(box, np.float64)).all()):
        yield f"its {what} is {box}"


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
