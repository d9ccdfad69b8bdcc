"""Joints that are normalized, swapped, counted from 1, or in px of a crop: found by comparison with the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import JointSet
from hcmoco_bench.uniform import spread

Points = NDArray[np.float64]

_LIKELY: Final = 0.6
"""A likely reading's error is below this share of that of the joints as they are: models that are merely bad gain
little from any reading."""
_AS_GOOD: Final = 1.1
"""Of readings whose error is within this factor of the least, the simplest is named."""
_CHANCE: Final = 0.5
"""A likely reading's error is below this share of that of the middle of each person's joints."""
_FEW: Final = 10
"""With fewer people, swapped sides fit by chance, as those of people seen from behind do."""
_COMPARED: Final = 200
"""Annotated people on whom readings are compared."""
_CROPS: Final = ((192, 256), (256, 256), (288, 384), (384, 384), (48, 64), (64, 64), (72, 96))
"""Width and height of usual crops and of their heatmaps, px."""


@dataclass(frozen=True)
class PosePairs:
    """M pairs of somebody who was predicted and somebody annotated in the same image.

    Attributes:
        found: (M, J, 2) as they are in the file.
        true: (M, J, 2) px from 0.
        known: (M, J) bool, whether a joint is annotated; at least one of each.
        sizes: (M, 2) width and height of the images, px.
        centers: (M, 2) px, middle of the annotated person's square.
        sides: (M,) px, side of that square.
        person: (M,) int64 number of the annotated person; each is in all of their pairs.
        detection: (M,) int64 number of the predicted person.
    """

    found: Points
    true: Points
    known: NDArray[np.bool_]
    sizes: Points
    centers: Points
    sides: Points
    person: NDArray[np.int64]
    detection: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.person)

    def of_people(self, people: NDArray[np.int64]) -> PosePairs:
        """The pairs of some annotated people."""
        rows = np.isin(self.person, people)
        return PosePairs(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def errors(self, points: Points) -> Points:
        """(M,) root mean square distance of each pair's joints over the side of the square."""
        squared = ((points - self.true) ** 2).sum(2)
        return np.asarray(np.sqrt(np.where(self.known, squared, 0.0).sum(1) / self.known.sum(1)) / self.sides)

    def typical(self, points: Points) -> float:
        """The median over people of the error of the best pair: some are found elsewhere, whatever the reading."""
        errors = self.errors(points)
        best = np.full(int(self.person.max()) + 1, np.inf)
        np.minimum.at(best, self.person, np.where(np.isfinite(errors), errors, np.inf))
        return float(np.median(best[np.unique(self.person)]))

    def joints_of(self, points: Points, as_given: Points) -> Points:
        """Joints (D, J, 2) of everybody predicted: those of the best pair, or as given (D, J, 2) without any."""
        order = np.argsort(-self.errors(points), kind="stable")  # the best one is written last
        joints = as_given.copy()
        joints[self.detection[order]] = points[order]
        return joints


@dataclass(frozen=True)
class PoseReading:
    """Another way to read joints.

    Attributes:
        what: What the joints then are, e.g. `shares of the image's sides`.
        steps: Number of departures from the documented form.
        apply: Takes joints (N, J, 2) of a file and what they belong to to px of the images.
    """

    what: str
    steps: int
    apply: Callable[[Points, PosePairs], Points]


def likely_pose_reading(pairs: PosePairs, joints: JointSet, *, counted_from: int = 0) -> PoseReading | None:
    """The reading of joints that explains them much better than px (x, y) of the image from 0.

    A likely one must also beat what knows only where people are.

    Args:
        pairs: The joints with the people that they belong to.
        joints: Their names and sides.
        counted_from: First pixel of the documented form, 0 or 1; joints have been brought to 0 already.

    Returns:
        The simplest of the likely readings; None if the joints are best read as they are.
    """
    if not len(pairs):
        return None
    people = np.unique(pairs.person)
    chosen = pairs.of_people(np.array(spread(people.tolist(), _COMPARED), np.int64))
    with np.errstate(over="ignore", invalid="ignore"):
        as_given = chosen.typical(chosen.found)
        tried = [
            (error, reading)
            for reading in _readings(joints, counted_from, swaps=len(people) >= _FEW)
            if np.isfinite(error := chosen.typical(reading.apply(chosen.found, chosen)))
        ]
    if not tried:
        return None
    least = min(error for error, _ in tried)
    as_good = [(error, reading) for error, reading in tried if error <= _AS_GOOD * least]
    error, best = min(as_good, key=lambda one: (one[1].steps, one[0]))
    middle = np.nanmean(np.where(chosen.known[..., None], chosen.true, np.nan), axis=1, keepdims=True)
    chance = _CHANCE * chosen.typical(np.broadcast_to(middle, chosen.true.shape))
    return best if error < _LIKELY * as_given and error < chance else None


def _readings(joints: JointSet, counted_from: int, *, swaps: bool) -> Iterator[PoseReading]:
    flip = joints.flip
    for base in _places(counted_from):
        if base.steps:
            yield base
        yield _then(base, "x and y swapped", lambda points: points[..., ::-1], first=True)
        if swaps:
            yield _then(base, "left and right swapped", lambda points: points[:, flip])


def _places(counted_from: int) -> Iterator[PoseReading]:
    """What a file's numbers may be, in place and scale."""
    yield PoseReading("", 0, lambda points, _: points)
    back = -1.0 if counted_from == 0 else 1.0
    yield PoseReading(f"pixels counted from {1 - counted_from}", 1, lambda points, _: points + back)
    yield PoseReading("shares of the image's sides (0 to 1)", 1, lambda points, of: points * of.sizes[:, None])
    yield PoseReading(
        "shares of the image's sides (-1 to 1)", 1, lambda points, of: (points + 1.0) / 2.0 * of.sizes[:, None]
    )
    yield PoseReading("shares of the person's square (0 to 1)", 1, _of_square(1.0, 1.0))
    for width, height in _CROPS:
        yield PoseReading(f"pixels of a crop of {width}x{height} px", 1, _of_square(width, height))


def _of_square(width: float, height: float) -> Callable[[Points, PosePairs], Points]:
    """From px of a crop of the person's rectangle, whose longer side is that of the square."""
    longer = max(width, height)
    sides = np.array([width, height])

    def apply(points: Points, of: PosePairs) -> Points:
        scale = (of.sides / longer)[:, None, None]
        return np.asarray(of.centers[:, None] + (points - sides / 2.0) * scale)

    return apply


def _then(base: PoseReading, words: str, change: Callable[[Points], Points], *, first: bool = False) -> PoseReading:
    """A reading with a further step, before (`first`) or after the base's own."""
    what = f"{base.what} with {words}" if base.what else f"joints with {words}"

    def apply(points: Points, of: PosePairs) -> Points:
        return base.apply(change(points), of) if first else change(base.apply(points, of))

    return PoseReading(what, base.steps + 1, apply)
