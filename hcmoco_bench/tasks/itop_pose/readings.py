"""Joints in another unit, along other axes, in another order or about a joint: found by comparison with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.metrics.points import distances
from hcmoco_bench.metrics.procrustes import procrustes
from hcmoco_bench.sources.itop import DEPTH_SIZE, world_from_pixels
from hcmoco_bench.uniform import spread

Points = NDArray[np.float64]

_COMPARED: Final = 100
"""Frames on which readings are compared."""
_LIKELY: Final = 0.6
"""A reading is likely if its mean distance is below this share of that of the joints as they are, and of the body's
size: models that are merely bad gain little from any reading."""
_AS_GOOD: Final = 1.1
"""Of readings whose distance is within this factor of the least, the simplest is named."""
_FEW: Final = 5
"""With fewer frames, orders of the joints and turns by any angle would fit by chance."""
_UNITS: Final = {"meters": 1.0, "centimeters": 0.01, "millimeters": 0.001, "inches": 0.0254, "feet": 0.3048}
_OTHER_SIZE: Final = 2.5
"""A unit in which the body is this many times too large or too small is not tried."""
_NEAR_ZERO: Final = 0.15
"""A joint about which others are given stays nearer to 0 than this share of the body's size, noise included."""
_TURN, _STRETCH, _MOVE = 10.0, 1.25, 0.5
"""Least angle in degrees, scale and distance in meters of a similarity that is not taken for a model's own error."""
FARTHEST: Final = 10.0
"""Range of the sensor, m, amply."""
_UNSEEN: Final = 0.5
"""Share of joints out of sight from which predictions cannot be meant."""


@dataclass(frozen=True)
class JointReading:
    """Another way to read joints.

    Attributes:
        what: What the joints then are, e.g. `millimeters with y mirrored`.
        joints: (N, J, 3) meters in the camera's coordinates, read so.
    """

    what: str
    joints: Points


@dataclass(frozen=True)
class _Candidate:
    """A reading: its words, the number of its corrections, and how it is applied to joints, given the true ones."""

    words: tuple[str, ...]
    corrections: int
    apply: Callable[[Points, Points], Points]

    def corrected(self, words: str, number: int, then: Callable[[Points, Points], Points]) -> _Candidate:
        """With a further correction."""
        first = self.apply
        named = (*(self.words or ("meters",)), words)
        return _Candidate(named, self.corrections + number, lambda points, true: then(first(points, true), true))

    def projected(self) -> _Candidate:
        """With px and depths brought into the world."""
        first = self.apply

        def apply(points: Points, true: Points) -> Points:
            there = first(points, true)
            return world_from_pixels(there[..., :2], there[..., 2])

        return _Candidate(self.words, self.corrections, apply)


def likely_reading(found: Points, true: Points, joints: JointSet) -> JointReading | None:
    """The reading of predicted joints that explains them much better than meters in the camera's coordinates.

    Units, axes (swapped, mirrored, turned), px instead of meters, positions about a joint, and the order of the
    joints are tried together; then any single turn, scale and shift of all frames.

    Args:
        found: (N, J, 3) predicted joints, finite.
        true: (N, J, 3) true joints, m: x to the right of the image, y up, z forward.
        joints: Their names and sides.

    Returns:
        The simplest of the likely readings; None if the joints are best read as they are.
    """
    rows = spread(range(len(found)), _COMPARED)
    if not rows:
        return None
    some, some_true = found[rows], true[rows]
    as_given, size = _distance(some, some_true), _size(some_true)
    tried = [
        (error, reading)
        for candidate in _candidates(some, some_true, joints)
        for error, reading in _orders(candidate, some, some_true, joints)
    ]
    least = min(error for error, _ in tried)
    as_good = [(error, reading) for error, reading in tried if error <= _AS_GOOD * least]
    error, best = min(as_good, key=lambda entry: (entry[1].corrections, entry[0]))
    impossible = out_of_sight(some) and not out_of_sight(best.apply(some, some_true))
    likely = error < (size if impossible else _LIKELY * size)
    if (turned := _similarity(some, some_true)) is not None:
        moved = _distance(turned.apply(some, some_true), some_true)
        if moved < _LIKELY * min(error, size):
            error, best, likely = moved, turned, True
    if not (likely and best.words and error < _LIKELY * as_given):
        return None
    first, *more = best.words
    return JointReading(f"{first} with {' and '.join(more)}" if more else first, best.apply(found, true))


def out_of_sight(found: Points) -> bool:
    """Whether most of the predicted joints (N, J, 3), m, lie behind the camera or beyond the range of any sensor."""
    seen = (found[..., 2] > 0) & (np.abs(found) < FARTHEST).all(-1)
    return bool(seen.size) and float(seen.mean()) < 1 - _UNSEEN


def _distance(points: Points, true: Points) -> float:
    return float(distances(points.reshape(-1, 1, 3), true.reshape(-1, 1, 3)).mean())


def _size(points: Points) -> float:
    """Mean distance of joints from the middle of their frame's."""
    return _distance(points, np.broadcast_to(points.mean(1, keepdims=True), points.shape))


def _candidates(found: Points, true: Points, joints: JointSet) -> Iterator[_Candidate]:
    yield _Candidate((), 0, lambda points, _: points)
    ratio = _size(true) / max(_size(found), np.finfo(float).tiny)
    for unit, scale in _UNITS.items():
        if not 1 / _OTHER_SIZE < ratio / scale < _OTHER_SIZE:
            continue
        for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
            words = (unit, *_axes_words(order, signs))
            number = (unit != "meters") + (order != (0, 1, 2)) + signs.count(-1.0)
            if number:
                base = _Candidate(words, number, _scaled_axes(order, np.array(signs) * scale))
                yield base
            else:
                base = _Candidate((), 0, lambda points, _: points)
            yield from _about_a_joint(base, found, joints)
    for order in permutations(range(3)):
        yield from _pixels(found, order, joints)


def _scaled_axes(order: tuple[int, ...], factors: Points) -> Callable[[Points, Points], Points]:
    return lambda points, _: points[..., list(order)] * factors


def _axes_words(order: tuple[int, ...], signs: tuple[float, ...]) -> tuple[str, ...]:
    """What the axes of a file are called by us."""
    if order == (0, 1, 2):
        mirrored = [name for name, sign in zip("xyz", signs, strict=True) if sign < 0]
        return (f"{' and '.join(mirrored)} mirrored",) if mirrored else ()
    names = {place: ("-" if sign < 0 else "") + name for place, name, sign in zip(order, "xyz", signs, strict=True)}
    return (f"the axes in the order {', '.join(names[place] for place in range(3))}",)


def _about_a_joint(base: _Candidate, found: Points, joints: JointSet) -> Iterator[_Candidate]:
    """Readings of joints that are given about one of them, in all axes or in depth alone."""
    points = base.apply(found, found)
    limit = _NEAR_ZERO * _size(points)
    for name, weights in _anchors(joints).items():
        near = np.sqrt((_anchor(points, weights) ** 2).mean((0, 1))) < limit
        if near.all():
            yield base.corrected(f"positions relative to {name}", 1, _restored(weights, np.ones(3)))
        elif near[2]:
            yield base.corrected(f"depths relative to {name}", 1, _restored(weights, np.array([0.0, 0.0, 1.0])))


def _anchors(joints: JointSet) -> dict[str, Points]:
    """(J,) weights of the points about which joints are given, by name."""
    single = np.eye(len(joints))
    anchors = {f"the {name}": single[place] for place, name in enumerate(joints.joints)}
    anchors |= {
        f"the middle of {joints.joints[one]} and {joints.joints[other]}": (single[one] + single[other]) / 2
        for one, other in joints.partners
    }
    return anchors | {"their mean": np.full(len(joints), 1 / len(joints))}


def _anchor(points: Points, weights: Points) -> Points:
    """(N, 1, 3) position of a weighted mean of joints."""
    return np.asarray(np.einsum("njc,j->nc", points, weights)[:, None])


def _restored(weights: Points, axes: Points) -> Callable[[Points, Points], Points]:
    return lambda points, true: points + axes * _anchor(true, weights)


def _pixels(found: Points, order: tuple[int, ...], joints: JointSet) -> Iterator[_Candidate]:
    """Readings of two axes as px of the depth map, or as shares of its sides, and of one as depth."""
    swapped = _axes_words(order, (1.0, 1.0, 1.0))
    for what, sides in (("pixels", (1.0, 1.0)), ("shares of the image's sides", DEPTH_SIZE)):
        for unit, scale in list(_UNITS.items())[:3]:
            base = _Candidate(
                (what, *(() if unit == "meters" else (f"depths in {unit}",)), *swapped),
                1 + (unit != "meters") + len(swapped),
                _scaled_axes(order, np.array([*sides, scale])),
            )
            yield base.projected()
            points = base.apply(found, found)
            for name, weights in _anchors(joints).items():
                if np.sqrt((_anchor(points, weights)[..., 2] ** 2).mean()) < _NEAR_ZERO:
                    restored = _restored(weights, np.array([0.0, 0.0, 1.0]))
                    yield base.corrected(f"depths relative to {name}", 1, restored).projected()


def _orders(candidate: _Candidate, found: Points, true: Points, joints: JointSet) -> Iterator[tuple[float, _Candidate]]:
    """A reading with joints in our order, with sides swapped, and in the order that fits best; with mean distances."""
    points = candidate.apply(found, true)
    matrix = np.sqrt(((points[:, :, None] - true[:, None]) ** 2).sum(-1)).mean(0)  # (J, J), [predicted, true]
    n = len(joints)
    yield float(matrix.trace() / n), candidate
    flip = joints.flip
    yield (
        float(matrix[flip, np.arange(n)].mean()),
        candidate.corrected("left and right swapped", 1, lambda points, _: points[:, flip]),
    )
    if len(found) < _FEW:
        return
    from scipy.optimize import linear_sum_assignment  # where used: most processes that are started never need it

    _, place = linear_sum_assignment(matrix.T)  # place of each of our joints in the file
    names = ", ".join(joints.joints[own] for own in np.argsort(place))
    yield (
        float(matrix[place, np.arange(n)].mean()),
        candidate.corrected(f"the joints in the order {names}", 2, lambda points, _: points[:, place]),
    )


def _similarity(found: Points, true: Points) -> _Candidate | None:
    """The turn, scale and shift that fit all frames best; None if they are small, or the frames are few."""
    if len(found) < _FEW:
        return None
    fit = procrustes(found.reshape(1, -1, 3), true.reshape(1, -1, 3), reflection=True)
    rotation, scale, shift = fit.rotation[0], float(fit.scale[0]), float(np.linalg.norm(fit.translation[0]))
    mirrored = np.linalg.det(rotation) < 0
    cosine = ((-rotation if mirrored else rotation).trace() - 1) / 2
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    stretched = not 1 / _STRETCH < scale < _STRETCH
    if not (mirrored or angle > _TURN or stretched or shift > _MOVE):
        return None
    what = (
        f"coordinates of another origin, direction or unit ({'a mirroring, ' if mirrored else ''}a turn by "
        f"{angle:.0f} degrees, a factor of {scale:.3g} and a shift by {shift:.2f} m bring them to the camera's)"
    )
    return _Candidate((what,), 3, lambda points, _: fit.apply(points.reshape(1, -1, 3)).reshape(points.shape))
