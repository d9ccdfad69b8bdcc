"""ITOP's joints in another unit, along other axes, in px, in another order or about a joint, and out of range."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.sources.itop import DEPTH_SIZE, world_from_pixels
from hcmoco_bench.tasks.core.joint_candidates import (
    DEPTH,
    NEAR_ZERO,
    UNITS,
    Candidate,
    Points,
    anchor,
    anchors,
    axes_words,
    candidates,
    restored,
    scaled_axes,
)
from hcmoco_bench.tasks.core.joint_readings import JointReading, likely_candidate

Truths = NDArray[np.bool_]

NEAREST: Final = 0.5
"""Range of the sensor, m, amply."""
FARTHEST: Final = 10.0
"""See `NEAREST`."""


def likely_reading(found: Points, true: Points, joints: JointSet) -> JointReading | None:
    """The reading of predicted joints that explains them much better than meters in the camera's coordinates.

    Units, axes (swapped, mirrored, turned), px instead of meters, positions about a joint, and the order of the joints
    are tried together; see `likely_candidate`.

    Args:
        found: (N, J, 3) predicted joints, finite.
        true: (N, J, 3) true joints, m: x to the right of the image, y up, z forward.
        joints: Their names and sides.

    Returns:
        The simplest of the likely readings; None if the joints are best read as they are.
    """

    def ways(some: Points, some_true: Points, turns: bool) -> Iterator[Candidate]:
        yield from candidates(some, some_true, joints, turns=turns)
        for order in permutations(range(3)):
            yield from _pixels(some, order, joints)

    best = likely_candidate(found, true, joints, ways, impossible=unseen)
    return None if best is None else JointReading(best.what, best.apply(found, true))


def out_of_range(found: Points) -> bool:
    """Whether most of the predicted joints (N, J, 3), m, lie beyond the range of any sensor."""
    return _mostly(_far(found))


def unseen(found: Points) -> bool:
    """Whether most of the predicted joints (N, J, 3), m, lie where no sensor sees: too far, too near, or behind it."""
    return _mostly((found[..., 2] < NEAREST) | (_far(found)))


def _far(found: Points) -> Truths:
    return np.asarray((np.abs(found) > FARTHEST).any(-1))


def _mostly(which: Truths) -> bool:
    return bool(which.size) and 2 * int(which.sum()) > which.size


def _pixels(found: Points, order: tuple[int, ...], joints: JointSet) -> Iterator[Candidate]:
    """Readings of two axes as px of the depth map, or as shares of its sides, and of one as depth."""
    swapped = axes_words(order, (1.0, 1.0, 1.0))
    for what, sides in (("pixels", (1.0, 1.0)), ("shares of the image's sides", DEPTH_SIZE)):
        for unit in ("meters", "centimeters", "millimeters"):
            base = Candidate(
                (what, *(() if unit == "meters" else (f"depths in {unit}",)), *swapped),
                1 + (unit != "meters") + len(swapped),
                False,
                scaled_axes(order, np.array([*sides, UNITS[unit]])),
            )
            yield _projected(base)
            points = base.apply(found, found)
            for name, weights in anchors(joints).items():
                if np.sqrt((anchor(points, weights)[..., 2] ** 2).mean()) < NEAR_ZERO:
                    depth = restored(weights, DEPTH)
                    yield _projected(base.corrected(f"depths relative to {name}", 1, depth, fitted=True))


def _projected(base: Candidate) -> Candidate:
    """With px and depths brought into the world."""

    def apply(points: Points, true: Points) -> Points:
        there = base.apply(points, true)
        return world_from_pixels(there[..., :2], there[..., 2])

    return Candidate(base.words, base.corrections, base.fitted, apply)
