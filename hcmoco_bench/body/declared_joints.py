"""The joints that a file of COCO's form declares in `categories[].keypoints`, held against those expected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.errors import LabelError

_PERSON: Final = "person"


def declared_order(content: Mapping[str, Any], joints: JointSet, *, source: str) -> NDArray[np.intp]:
    """Where each expected joint is among those that a file declares.

    Args:
        content: The file's content. A file that names no joints is taken to have those expected, in their order.
        joints: The joints expected.
        source: Named in the error message.

    Returns:
        (J,) index in the file's order of each joint.

    Raises:
        LabelError: Kind `joints_differ`, if the names are not exactly those expected, in whatever order.
    """
    names = declared_joints(content)
    if names is None:
        return np.arange(len(joints))
    expected = [_plain(joint) for joint in joints.joints]
    found = [_plain(name) for name in names]
    if sorted(found) != sorted(expected):
        missing = [name for name in expected if name not in found]
        others = [name for name in found if name not in expected]
        raise LabelError(
            f"{source}: declares {len(names)} keypoints that are not those of {joints.name}: "
            f"{', '.join(others) or 'none'} besides them, {', '.join(missing) or 'none'} missing; give annotations "
            f"of {', '.join(joints.joints)}",
            kind="joints_differ",
            file=source,
        )
    return np.array([found.index(name) for name in expected], np.intp)


def declared_joints(content: Mapping[str, Any]) -> list[str] | None:
    """Names of the keypoints of the category of people; None if it names none."""
    categories = content.get("categories")
    if not isinstance(categories, list):
        return None
    given = [one for one in categories if isinstance(one, Mapping) and one.get("keypoints")]
    people = [one for one in given if one.get("name") == _PERSON] or given
    if not people or not isinstance(people[0]["keypoints"], list):
        return None
    return [str(name) for name in people[0]["keypoints"]]


def _plain(name: str) -> str:
    """A joint's name without regard to how its words are joined."""
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())
