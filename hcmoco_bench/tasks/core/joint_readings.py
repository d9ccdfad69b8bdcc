"""Joints in another unit, along other axes, in another order or about a joint: found by comparison with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.metrics.points import distances
from hcmoco_bench.tasks.core.joint_candidates import Candidate, Points, body_size
from hcmoco_bench.uniform import spread

_COMPARED: Final = 100
"""Frames on which readings are compared."""
_LIKELY: Final = 0.6
"""A likely reading's mean distance is below this share of that of the joints as they are, and as they are but shifted
by one vector: models that are merely bad gain little from any reading, and models that are biased gain that shift."""
_AS_GOOD: Final = 1.1
"""Of readings whose distance is within this factor of the least, the simplest is named."""
FEW: Final = 10
"""With fewer frames, orders of the joints, swapped sides (people seen from behind) and turns fit by chance."""

Ways = Callable[[Points, Points, bool], Iterable[Candidate]]
"""The readings to try of predicted and true joints (N, J, 3), that documented first, and whether to try turns."""


@dataclass(frozen=True)
class JointReading:
    """Another way to read joints.

    Attributes:
        what: What the joints then are, e.g. `millimeters with y mirrored`.
        joints: (N, J, 3) meters in the camera's coordinates, read so.
    """

    what: str
    joints: Points


def likely_candidate(
    found: Points, true: Points, joints: JointSet, ways: Ways, *, impossible: Callable[[Points], bool] | None = None
) -> Candidate | None:
    """The reading of predicted joints that explains them much better than what is documented.

    Readings are tried together with swapped sides and with the order of the joints that fits best. A likely one must
    also beat what knows nothing: the middle of all true joints or, if it takes something from the truth, clearly the
    middle of each frame's.

    Args:
        found: (N, J, 3) predicted joints, finite.
        true: (N, J, 3) true joints, m.
        joints: Their names and sides.
        ways: The readings to try.
        impossible: Whether joints (N, J, 3), m, are where no joints can be; then a likely reading need not beat the
            joints as they are but shifted.

    Returns:
        The simplest of the likely readings; None if the joints are best read as they are.
    """
    rows = spread(range(len(found)), _COMPARED)
    if not rows:
        return None
    some, some_true = found[rows], true[rows]
    with np.errstate(over="ignore", invalid="ignore"):
        as_given = _distance(some, some_true)
        if not np.isfinite(as_given):
            return None
        tried = [
            attempt
            for candidate in ways(some, some_true, len(rows) >= FEW)
            for attempt in _orders(candidate, some, some_true, joints)
        ]
    least = min(attempt.error for attempt in tried)
    as_good = [attempt for attempt in tried if attempt.error <= _AS_GOOD * least]
    simplest = min(as_good, key=lambda attempt: (attempt.corrections, attempt.error))
    error, best = simplest.error, simplest.candidate()
    chance = _LIKELY * body_size(some_true) if best.fitted else _about_one_point(some_true)
    cannot_be = impossible is not None and impossible(some) and not impossible(best.apply(some, some_true))
    rival = as_given if cannot_be else min(as_given, _distance(*_without_bias(some, some_true)))
    return best if best.words and error < chance and error < _LIKELY * rival else None


def _distance(points: Points, true: Points) -> float:
    return float(distances(points.reshape(-1, 1, 3), true.reshape(-1, 1, 3)).mean())


def _about_one_point(true: Points) -> float:
    return _distance(np.broadcast_to(true.mean((0, 1)), true.shape), true)


def _without_bias(points: Points, true: Points) -> tuple[Points, Points]:
    return points - np.median(points - true, axis=(0, 1)), true


class _Attempt(NamedTuple):
    """A reading with its mean distance; made only if it is the best, since orders have long names."""

    error: float
    corrections: int
    candidate: Callable[[], Candidate]


def _orders(candidate: Candidate, found: Points, true: Points, joints: JointSet) -> Iterator[_Attempt]:
    """A reading with joints in our order, with sides swapped, and in the order that fits best."""
    points = candidate.apply(found, true)
    matrix = np.sqrt(((points[:, :, None] - true[:, None]) ** 2).sum(-1)).mean(0)  # (J, J), [predicted, true]
    if not np.isfinite(matrix).all():
        return
    yield _Attempt(float(matrix.trace() / len(joints)), candidate.corrections, lambda: candidate)
    if len(found) < FEW:
        return
    own, flip = np.arange(len(joints)), joints.flip
    yield _Attempt(float(matrix[flip, own].mean()), candidate.corrections + 1, lambda: _swapped(candidate, flip))
    from scipy.optimize import linear_sum_assignment  # where used: most processes that are started never need it

    _, place = linear_sum_assignment(matrix.T)  # place of each of our joints in the file
    error = float(matrix[place, own].mean())
    yield _Attempt(error, candidate.corrections + 2, lambda: _ordered(candidate, place, joints))


def _swapped(candidate: Candidate, flip: NDArray[np.intp]) -> Candidate:
    return candidate.corrected("left and right swapped", 1, lambda points, _: points[:, flip], fitted=candidate.fitted)


def _ordered(candidate: Candidate, place: NDArray[np.intp], joints: JointSet) -> Candidate:
    names = ", ".join(joints.joints[one] for one in np.argsort(place))
    return candidate.corrected(f"the joints in the order {names}", 2, lambda points, _: points[:, place], fitted=True)
