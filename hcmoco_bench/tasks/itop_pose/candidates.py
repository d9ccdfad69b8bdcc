"""Ways to read joints: units, axes, px, positions about a joint, orders of the joints, and turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.metrics.procrustes import procrustes
from hcmoco_bench.sources.itop import DEPTH_SIZE, world_from_pixels

Points = NDArray[np.float64]
Change = Callable[[Points, Points], Points]
"""Takes joints as they are in a file, and the true ones, to meters in the camera's coordinates."""

UNITS: Final = {
    "meters": 1.0,
    "decimeters": 0.1,
    "centimeters": 0.01,
    "millimeters": 0.001,
    "inches": 0.0254,
    "feet": 0.3048,
}
_OTHER_SIZE: Final = 2.5
"""A unit in which the body is this many times too large or too small is not tried."""
_NEAR_ZERO: Final = 0.15
"""A joint about which others are given stays nearer to 0 than this share of the body's size, noise included."""
_LEAST_TURN: Final = 10.0
"""Degrees; a model may well err by less."""


@dataclass(frozen=True)
class Candidate:
    """A way to read joints.

    Attributes:
        words: What the joints then are, e.g. `("millimeters", "y mirrored")`; empty for those documented.
        corrections: Number of departures from the documented form.
        fitted: Whether the change takes positions, an order or a turn from the true joints.
        apply: The change.
    """

    words: tuple[str, ...]
    corrections: int
    fitted: bool
    apply: Change

    def corrected(self, words: str, number: int, then: Change, *, fitted: bool) -> Candidate:
        """With a further correction."""
        first = self.apply
        named = (*(self.words or ("meters",)), words)
        return Candidate(named, self.corrections + number, fitted, lambda points, true: then(first(points, true), true))

    @property
    def what(self) -> str:
        """The words as a phrase, e.g. `millimeters with y mirrored and left and right swapped`."""
        first, *more = self.words or ("meters",)
        return f"{first} with {' and '.join(more)}" if more else first


def body_size(points: Points) -> float:
    """Mean distance of joints (N, J, 3) from the middle of their frame's."""
    return float(np.linalg.norm(points - points.mean(1, keepdims=True), axis=-1).mean())


def candidates(found: Points, true: Points, joints: JointSet, *, turns: bool) -> Iterator[Candidate]:
    """All readings of joints in their own order, that documented first.

    Args:
        found: (N, J, 3) as they are in the file.
        true: (N, J, 3) meters.
        joints: Their names and sides.
        turns: Whether to look for turns by any angle too.
    """
    ratio = body_size(true) / max(body_size(found), np.finfo(float).tiny)
    yield _documented()
    for unit, scale in UNITS.items():
        if not 1 / _OTHER_SIZE < ratio / scale < _OTHER_SIZE:
            continue
        for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
            base = _along_axes(unit, scale, order, signs)
            if base.corrections:
                yield base
            yield from _about_a_joint(base, found, joints)
        if turns and (turned := _turned(unit, scale, found, true)) is not None:
            yield turned
    for order in permutations(range(3)):
        yield from _pixels(found, order, joints)


def _documented() -> Candidate:
    return Candidate((), 0, False, lambda points, _: points)


def _along_axes(unit: str, scale: float, order: tuple[int, ...], signs: tuple[float, ...]) -> Candidate:
    number = (unit != "meters") + (order != (0, 1, 2)) + signs.count(-1.0)
    words = (unit, *_axes_words(order, signs))
    return Candidate(words, number, False, _scaled_axes(order, np.array(signs) * scale)) if number else _documented()


def _scaled_axes(order: tuple[int, ...], factors: Points) -> Change:
    return lambda points, _: points[..., list(order)] * factors


def _axes_words(order: tuple[int, ...], signs: tuple[float, ...]) -> tuple[str, ...]:
    """What the axes of a file are called by us."""
    if order == (0, 1, 2):
        mirrored = [name for name, sign in zip("xyz", signs, strict=True) if sign < 0]
        return (f"{' and '.join(mirrored)} mirrored",) if mirrored else ()
    names = {place: ("-" if sign < 0 else "") + name for place, name, sign in zip(order, "xyz", signs, strict=True)}
    return (f"the axes in the order {', '.join(names[place] for place in range(3))}",)


def _about_a_joint(base: Candidate, found: Points, joints: JointSet) -> Iterator[Candidate]:
    """Readings of joints that are given about one of them, in all axes or in depth alone."""
    points = base.apply(found, found)
    limit = _NEAR_ZERO * body_size(points)
    for name, weights in _anchors(joints).items():
        near = np.sqrt((_anchor(points, weights) ** 2).mean((0, 1))) < limit
        if near.all():
            yield base.corrected(f"positions relative to {name}", 1, _restored(weights, np.ones(3)), fitted=True)
        elif near[2]:
            yield base.corrected(f"depths relative to {name}", 1, _restored(weights, _DEPTH), fitted=True)


_DEPTH: Final = np.array([0.0, 0.0, 1.0])


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


def _restored(weights: Points, axes: Points) -> Change:
    return lambda points, true: points + axes * _anchor(true, weights)


def _pixels(found: Points, order: tuple[int, ...], joints: JointSet) -> Iterator[Candidate]:
    """Readings of two axes as px of the depth map, or as shares of its sides, and of one as depth."""
    swapped = _axes_words(order, (1.0, 1.0, 1.0))
    for what, sides in (("pixels", (1.0, 1.0)), ("shares of the image's sides", DEPTH_SIZE)):
        for unit in ("meters", "centimeters", "millimeters"):
            base = Candidate(
                (what, *(() if unit == "meters" else (f"depths in {unit}",)), *swapped),
                1 + (unit != "meters") + len(swapped),
                False,
                _scaled_axes(order, np.array([*sides, UNITS[unit]])),
            )
            yield _projected(base)
            points = base.apply(found, found)
            for name, weights in _anchors(joints).items():
                if np.sqrt((_anchor(points, weights)[..., 2] ** 2).mean()) < _NEAR_ZERO:
                    restored = _restored(weights, _DEPTH)
                    yield _projected(base.corrected(f"depths relative to {name}", 1, restored, fitted=True))


def _projected(base: Candidate) -> Candidate:
    """With px and depths brought into the world."""

    def apply(points: Points, true: Points) -> Points:
        there = base.apply(points, true)
        return world_from_pixels(there[..., :2], there[..., 2])

    return Candidate(base.words, base.corrections, base.fitted, apply)


def _turned(unit: str, scale: float, found: Points, true: Points) -> Candidate | None:
    """The turn and shift that fit all frames best; None if the turn is small."""
    fit = procrustes(scale * found.reshape(1, -1, 3), true.reshape(1, -1, 3), scale=False, reflection=True)
    rotation, shift = fit.rotation[0], float(np.linalg.norm(fit.translation[0]))
    mirrored = bool(np.linalg.det(rotation) < 0)
    cosine = ((-rotation if mirrored else rotation).trace() - 1) / 2
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if not (mirrored or angle > _LEAST_TURN):
        return None
    steps = ["a mirroring"] * mirrored + [f"a turn by {angle:.0f} degrees", f"a shift by {shift:.2f} m"]
    what = f"coordinates that {', '.join(steps[:-1])} and {steps[-1]} bring to the camera's"
    return Candidate(
        (unit, what), 4, True, lambda points, _: fit.apply(scale * points.reshape(1, -1, 3)).reshape(points.shape)
    )
