"""People annotated with keypoints in photographs, however the data set writes it down."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.files.problems import Problem

UNKNOWN, HIDDEN, VISIBLE = 0, 1, 2
"""States of a joint: not annotated, annotated though it cannot be seen, annotated and seen."""

BOX_UNIT: Final = 200.0
"""Px of a box's side for one unit of its scale."""


@dataclass(frozen=True, eq=False)
class Person:
    """One person in an image to learn from, and to be found. Px are (x, y) from 0, whole numbers at pixel centers.

    Attributes:
        id: Unique in the data set.
        joints: (J, 2) float32 px; 0 where not annotated.
        state: (J,) uint8: 0 not annotated, 1 annotated but hidden, 2 seen.
        center: (2,) float32 px, the middle of the person's square.
        scale: Side of the square over 200 px, > 0.
        area: Px^2 of the person's outline; None if the data set states none.
        box: (4,) float64 x, y, width, height as annotated, px, edges between pixels; None if the data set states none.
        place: Number of the annotation in its file, from 0.
        head_box: (4,) float64 px x0, y0, x1, y1 of opposite corners of the head's box; None if the data set states
            none.
    """

    id: str
    joints: NDArray[np.float32]
    state: NDArray[np.uint8]
    center: NDArray[np.float32]
    scale: float
    area: float | None = None
    box: NDArray[np.float64] | None = None
    head_box: NDArray[np.float64] | None = None
    place: int | None = None


@dataclass(frozen=True, eq=False)
class IgnoredPerson:
    """An annotation to be left alone: a crowd, or a person without annotated joints. Finding them is no mistake.

    Attributes:
        id: Unique in the data set.
        joints: (J, 2) float32 px; 0 where not annotated.
        state: (J,) uint8, as of a `Person`; all 0 unless this is a crowd.
        box: (4,) float64 x, y, width, height as annotated, px; None if the data set states none.
        area: Px^2 as annotated; None if the data set states none.
        crowd: Whether it is a crowd.
        place: Number of the annotation in its file, from 0.
    """

    id: str
    joints: NDArray[np.float32]
    state: NDArray[np.uint8]
    box: NDArray[np.float64] | None
    area: float | None
    crowd: bool
    place: int | None = None


@dataclass(frozen=True)
class Photograph:
    """An annotated image.

    Attributes:
        name: File name, `storable`.
        path: The file, which may be missing.
        size: Width and height in px as annotated; None if the annotation does not say.
        people: People to learn from, in the annotation's order; may be empty.
        ignored: Crowds and people without joints, in the annotation's order.
        number: The annotations' own id of the image; None if it has none.
    """

    name: str
    path: Path
    size: tuple[int, int] | None
    people: tuple[Person, ...]
    ignored: tuple[IgnoredPerson, ...] = ()
    number: int | None = None


@dataclass(frozen=True)
class Photographs:
    """What an annotation file describes.

    Attributes:
        joint_set: Name of the joint set of all people.
        annotations: The file.
        photographs: Sorted by name.
        problems: People that cannot be learned from, kept ones among the ignored, and wrong annotations.
        beside: Further files that were read with it.
    """

    joint_set: str
    annotations: Path
    photographs: tuple[Photograph, ...]
    problems: tuple[Problem, ...]
    beside: tuple[Path, ...] = ()
