"""3-D poses about any point, read in another unit, size, order or along other axes than documented."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.metrics.points import distances
from hcmoco_bench.tasks.core.joint_candidates import (
    UNITS,
    Candidate,
    Change,
    Points,
    axes_words,
    body_size,
    candidates,
    scaled_axes,
)
from hcmoco_bench.tasks.core.joint_readings import FEW, JointReading, likely_candidate
from hcmoco_bench.tasks.core.world_readings import world_reading
from hcmoco_bench.uniform import spread

_COMPARED: Final = 100
"""Poses on which readings are compared."""
_OWN_ORDER: Final = (0, 1, 2)
_SAME_SIZE: Final = 1e-3
"""Poses whose sizes differ by no more than this share of their mean were scaled to one size."""
_HALF: Final = 2.0
"""Poses that are this many times too small or too large are in a unit of their own; models err by less."""
_APART: Final = 1.5
"""Where x and y are in another unit than z by this factor, they are image coordinates."""
_PIXEL, _SHARE = 0.05, 1.5
"""A pixel is at most, and a side of the image at least, so many meters where the person is."""
_LEAST_JOINTS: Final = 3


def likely_pose_reading(
    found: Points,
    true: Points,
    joints: JointSet,
    valid: NDArray[np.bool_],
    *,
    documented: str = "meters",
    views: Sequence[Hashable] = (),
) -> JointReading | None:
    """The reading of predicted poses that explains them much better than the documented one, wherever they are.

    Poses are compared about the middle of their joints, so that it does not matter whether they are absolute or
    relative to some joint. Units, axes (swapped, mirrored, turned), swapped sides, the order of the joints, poses that
    were scaled to one size or are in a unit of their own, and pixels with depths are tried together; see
    `likely_candidate`.

    Args:
        found: (N, J, 3) predicted joints, meters if the file is in the documented unit; may be anything where not
            valid.
        true: (N, J, 3) true joints, m; likewise.
        joints: Their names and sides.
        valid: (N, J) bool, joints that count.
        documented: The unit that the layout documents, a key of `UNITS`.
        views: Camera of each pose, to notice poses in the world's coordinates too; empty where it is not known.

    Returns:
        The simplest of the likely readings, with all poses about the middle of their joints (0 where a joint is not
        valid in most poses); None if the poses are best read as they are.
    """
    counted = np.flatnonzero(2 * valid.sum(0) >= max(len(valid), 1))
    whole = np.flatnonzero((valid & np.isfinite(found).all(-1) & np.isfinite(true).all(-1))[:, counted].all(1))
    if not len(whole) or len(counted) < _LEAST_JOINTS:
        return None
    part = _part(joints, counted)
    rows = np.array(spread(whole.tolist(), _COMPARED), np.intp)
    some, some_true = (_centered(points[np.ix_(rows, counted)]) for points in (found, true))

    def ways(few: Points, few_true: Points, turns: bool) -> Iterator[Candidate]:
        yield from candidates(few, few_true, part, turns=turns, documented=documented, anchored=False)
        yield from _other_sizes(few, few_true, documented)
        yield from _image_coordinates(few, few_true, documented)

    best = likely_candidate(some, some_true, part, ways)
    known = valid[:, counted, None]
    all_found, all_true = (_centered(np.where(known, points[:, counted], 0.0)) for points in (found, true))
    readings = [] if best is None else [(best.what, best.apply(all_found, all_true))]
    if views and (world := world_reading(all_found, all_true, views, whole, documented)) is not None:
        readings.append(world)
    if not readings:
        return None
    # Axes in another order explain a part of what the turns of cameras do.
    what, turned = min(readings, key=lambda one: float(distances(one[1][whole], all_true[whole]).mean()))
    read = np.zeros(found.shape)
    read[:, counted] = turned
    return JointReading(what, read)


def _part(joints: JointSet, counted: NDArray[np.intp]) -> JointSet:
    """Some joints of a set, as a set of their own."""
    place = {int(joint): number for number, joint in enumerate(counted)}

    def kept(pairs: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        return tuple((place[a], place[b]) for a, b in pairs if a in place and b in place)

    return JointSet(
        name=joints.name,
        source=joints.source,
        joints=tuple(joints.joints[joint] for joint in place),
        edges=kept(joints.edges),
        partners=kept(joints.partners),
    )


def _centered(points: Points) -> Points:
    return np.asarray(points - points.mean(1, keepdims=True))


def _other_sizes(found: Points, true: Points, documented: str) -> Iterator[Candidate]:
    """Poses that were each scaled to one size, or are in a unit without a name."""
    sizes = np.sqrt((found**2).sum((1, 2)))
    if len(found) >= FEW and sizes.std() < _SAME_SIZE * sizes.mean():
        yield from _facing("poses that were each scaled to one size", _sized, documented)
    ratio = body_size(true) / max(body_size(found), np.finfo(float).tiny)
    named = (factor / UNITS[documented] for factor in UNITS.values())
    if all(not 1 / _HALF < ratio / factor < _HALF for factor in named):
        yield from _facing(f"coordinates in units of {ratio:.3g} m", lambda points, _: ratio * points, documented)


def _image_coordinates(found: Points, true: Points, documented: str) -> Iterator[Candidate]:
    """Poses with pixels, or shares of the image's sides, in x and y, and depths in a unit of length."""
    wide, deep = (
        float(np.linalg.norm(true[..., axes])) / max(float(np.linalg.norm(found[..., axes])), np.finfo(float).tiny)
        for axes in ([0, 1], [2])
    )
    if 1 / _APART < wide / deep < _APART:
        return
    for unit in ("meters", "centimeters", "millimeters"):
        depth = UNITS[unit] / UNITS[documented]
        if 1 / _HALF < deep / depth < _HALF and not _PIXEL < wide < _SHARE:
            yield from _facing(f"image coordinates and depths in {unit}", _unprojected(depth), documented)


def _unprojected(depth: float) -> Change:
    def change(points: Points, true: Points) -> Points:
        there = points * [1.0, 1.0, 0.0]
        return _sized(there, true * [1.0, 1.0, 0.0]) + points * [0.0, 0.0, depth]

    return change


def _facing(words: str, change: Change, documented: str) -> Iterator[Candidate]:
    """A reading in all directions of its axes."""
    base = Candidate((words,), 1, True, change, documented)
    for signs in product((1.0, -1.0), repeat=3):
        mirrored = signs.count(-1.0)
        yield (
            base.corrected(
                axes_words(_OWN_ORDER, signs)[0], mirrored, scaled_axes(_OWN_ORDER, np.array(signs)), fitted=True
            )
            if mirrored
            else base
        )


def _sized(points: Points, true: Points) -> Points:
    """Poses as large as the true ones, each by itself."""
    own, wanted = (np.sqrt((one**2).sum((1, 2), keepdims=True)) for one in (points, true))
    return np.asarray(points * wanted / np.where(own > 0, own, 1.0))
