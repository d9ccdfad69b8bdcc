"""Ways to read joints: units, axes, positions about a joint, and turns; tasks add those of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.metrics.procrustes import procrustes

Points = NDArray[np.float64]
Change = Callable[[Points, Points], Points]
"""Takes joints as they were read, and the true ones, to meters in the camera's coordinates."""

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
NEAR_ZERO: Final = 0.15
"""A joint about which others are given stays nearer to 0 than this share of the body's size, noise included."""
_LEAST_TURN: Final = 10.0
"""Degrees; a model may well err by less."""


@dataclass(frozen=True)
class Candidate:
    """A way to read joints.

    Attributes:
        words: What the joints then are, e.g. `("millimeters", "y mirrored")`; empty for those documented.
        corrections: Number of departures from the documented form.
        fitted: Whether the change takes positions, sizes, an order or a turn from the true joints.
        apply: The change.
        documented: The documented unit.
    """

    words: tuple[str, ...]
    corrections: int
    fitted: bool
    apply: Change
    documented: str = "meters"

    def corrected(self, words: str, number: int, then: Change, *, fitted: bool) -> Candidate:
        """With a further correction."""
        first = self.apply
        return replace(
            self,
            words=(*(self.words or (self.documented,)), words),
            corrections=self.corrections + number,
            fitted=fitted,
            apply=lambda points, true: then(first(points, true), true),
        )

    @property
    def what(self) -> str:
        """The words as a phrase, e.g. `millimeters with y mirrored and left and right swapped`."""
        first, *more = self.words or (self.documented,)
        return f"{first} with {' and '.join(more)}" if more else first


def body_size(points: Points) -> float:
    """Mean distance of joints (N, J, 3) from the middle of their frame's."""
    return float(np.linalg.norm(points - points.mean(1, keepdims=True), axis=-1).mean())


def candidates(
    found: Points, true: Points, joints: JointSet, *, turns: bool, documented: str = "meters", anchored: bool = True
) -> Iterator[Candidate]:
    """Readings of joints in their own order, that documented first.

    Args:
        found: (N, J, 3) meters, if the file is in the documented unit.
        true: (N, J, 3) meters.
        joints: Their names and sides.
        turns: Whether to look for turns by any angle too.
        documented: The documented unit, one of `UNITS`.
        anchored: Whether positions are absolute; then those about a joint are tried too.
    """
    yield Candidate((), 0, False, lambda points, _: points, documented)
    for unit, factor in UNITS.items():
        scale = factor / UNITS[documented]
        if not of_size(found, true, scale):
            continue
        for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
            base = along_axes(unit, scale, order, signs, documented)
            if base.corrections:
                yield base
            if anchored:
                yield from _about_a_joint(base, found, joints)
        if turns and (turned := _turned(unit, scale, found, true, shifted=anchored)) is not None:
            yield replace(turned, documented=documented)


def of_size(found: Points, true: Points, scale: float) -> bool:
    """Whether bodies (N, J, 3), times a scale, are about as large as the true ones."""
    with np.errstate(over="ignore"):
        ratio = body_size(true) / max(body_size(found), np.finfo(float).tiny)
        return bool(1 / _OTHER_SIZE < ratio / scale < _OTHER_SIZE)


def along_axes(
    unit: str, scale: float, order: tuple[int, ...], signs: tuple[float, ...], documented: str = "meters"
) -> Candidate:
    """The reading in a unit with axes in another order or other directions; the documented one has no correction."""
    number = (unit != documented) + (order != (0, 1, 2)) + signs.count(-1.0)
    if not number:
        return Candidate((), 0, False, lambda points, _: points, documented)
    words = (unit, *axes_words(order, signs))
    return Candidate(words, number, False, scaled_axes(order, np.array(signs) * scale), documented)


def scaled_axes(order: tuple[int, ...], factors: Points) -> Change:
    """The change that takes axes in another order and multiplies each by a factor."""
    return lambda points, _: points[..., list(order)] * factors


def axes_words(order: tuple[int, ...], signs: tuple[float, ...]) -> tuple[str, ...]:
    """What the axes of a file are called by us."""
    if order == (0, 1, 2):
        mirrored = [name for name, sign in zip("xyz", signs, strict=True) if sign < 0]
        return (f"{' and '.join(mirrored)} mirrored",) if mirrored else ()
    names = {place: ("-" if sign < 0 else "") + name for place, name, sign in zip(order, "xyz", signs, strict=True)}
    return (f"the axes in the order {', '.join(names[place] for place in range(3))}",)


def anchors(joints: JointSet) -> dict[str, Points]:
    """(J,) weights of the points about which joints are given, by name."""
    single = np.eye(len(joints))
    found = {f"the {name}": single[place] for place, name in enumerate(joints.joints)}
    found |= {
        f"the middle of {joints.joints[one]} and {joints.joints[other]}": (single[one] + single[other]) / 2
        for one, other in joints.partners
    }
    return found | {"their mean": np.full(len(joints), 1 / len(joints))}


def anchor(points: Points, weights: Points) -> Points:
    """(N, 1, 3) position of a weighted mean of joints."""
    return np.asarray(np.einsum("njc,j->nc", points, weights)[:, None])


def restored(weights: Points, axes: Points) -> Change:
    """The change that moves poses to where the true weighted mean of joints is, along some axes."""
    return lambda points, true: points + axes * anchor(true, weights)


DEPTH: Final = np.array([0.0, 0.0, 1.0])


def _about_a_joint(base: Candidate, found: Points, joints: JointSet) -> Iterator[Candidate]:
    """Readings of joints that are given about one of them, in all axes or in depth alone."""
    points = base.apply(found, found)
    limit = NEAR_ZERO * body_size(points)
    for name, weights in anchors(joints).items():
        near = np.sqrt((anchor(points, weights) ** 2).mean((0, 1))) < limit
        if near.all():
            yield base.corrected(f"positions relative to {name}", 1, restored(weights, np.ones(3)), fitted=True)
        elif near[2]:
            yield base.corrected(f"depths relative to {name}", 1, restored(weights, DEPTH), fitted=True)


def _turned(unit: str, scale: float, found: Points, true: Points, *, shifted: bool) -> Candidate | None:
    """The turn and shift that fit all frames best; None if the turn is small."""
    fit = procrustes(scale * found.reshape(1, -1, 3), true.reshape(1, -1, 3), scale=False, reflection=True)
    rotation, shift = fit.rotation[0], float(np.linalg.norm(fit.translation[0]))
    mirrored = bool(np.linalg.det(rotation) < 0)
    cosine = ((-rotation if mirrored else rotation).trace() - 1) / 2
    angle = float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    if not (mirrored or angle > _LEAST_TURN):
        return None
    steps = ["a mirroring"] * mirrored + [f"a turn by {angle:.0f} degrees"] + [f"a shift by {shift:.2f} m"] * shifted
    *first, last = steps
    what = f"coordinates that {', '.join(first)}{' and ' if first else ''}{last} bring{'' if first else 's'} to "
    return Candidate(
        (unit, f"{what}the camera's"),
        4,
        True,
        lambda points, _: fit.apply(scale * points.reshape(1, -1, 3)).reshape(points.shape),
    )
