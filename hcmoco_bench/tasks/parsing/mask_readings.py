"""Predicted masks that are mirrored or turned, or whose classes are in another order; found by the true labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.parts import PartTable

Mask = NDArray[np.uint8]

COMPARED: Final = 48
"""Samples on which readings are compared."""
_PIXELS: Final = 65_536
"""Pixels of a sample that are compared, about, at even distances."""
_GAIN, _FACTOR = 0.10, 1.5
"""A reading is likely if it raises the mean IoU by this much and this many times; models that are merely bad gain
little from any."""
_FEW: Final = 10
"""With fewer samples, orders of the classes, swapped sides (people seen from behind) and mirror images (people who are
elsewhere) fit by chance."""
_AS_GOOD: Final = 0.95
"""Of readings whose mean IoU is at least this share of the highest, the simplest is named."""

_TURNS: Final[dict[str, Callable[[Mask], Mask]]] = {
    "": lambda mask: mask,
    "mirrored": lambda mask: mask[:, ::-1],
    "upside down": lambda mask: mask[::-1],
    "turned by 180 degrees": lambda mask: mask[::-1, ::-1],
    "turned by 90 degrees to the left": lambda mask: np.rot90(mask, -1),
    "turned by 90 degrees to the right": lambda mask: np.rot90(mask),
    "of which rows and columns are swapped": lambda mask: mask.T,
    "of which rows and columns are swapped and run backwards": lambda mask: mask[::-1, ::-1].T,
}
"""What is wrong with masks, and what undoes it; the last four keep the size of square masks alone."""


@dataclass(frozen=True, eq=False)
class MaskReading:
    """Another way to read masks.

    Attributes:
        what: What the masks then are, e.g. `masks mirrored`.
        turn: Turns a mask (H, W) to its place.
        classes: (C,) uint8 class that each predicted class stands for.
    """

    what: str
    turn: Callable[[Mask], Mask]
    classes: NDArray[np.uint8]

    def apply(self, mask: Mask) -> Mask:
        """(H, W) uint8 classes of a mask read so."""
        return np.ascontiguousarray(self.classes[self.turn(mask)])


def likely_mask_reading(pairs: Iterable[tuple[Mask, NDArray[np.integer[Any]]]], table: PartTable) -> MaskReading | None:
    """The reading of predicted masks that explains them much better than the classes in place.

    Mirror images and turns are tried together with classes whose sides are swapped, and with the order of the classes
    that fits best.

    Args:
        pairs: Predicted classes and labels (H, W) of some samples; labels outside the table are not counted.
        table: The classes.

    Returns:
        The simplest of the likely readings; None if the masks are best read as they are.
    """
    n = len(table)
    counts = {name: np.zeros((n, n), np.int64) for name in _TURNS}
    samples = 0
    for predicted, label in pairs:
        samples += 1
        step = max(1, round((label.size / _PIXELS) ** 0.5))
        some = label[::step, ::step]
        counted = (some >= 0) & (some < n)
        target = some[counted].astype(np.int64) * n
        for name, turn in _TURNS.items():
            turned = turn(predicted)
            if turned.shape == label.shape:
                cells = target + turned[::step, ::step][counted]
                counts[name] += np.bincount(cells, minlength=n * n).reshape(n, n)
    own = np.arange(n, dtype=np.uint8)
    as_given = _mean_iou(counts[""], own)
    if samples < _FEW:
        del counts["mirrored"]
    tried: list[tuple[float, int, MaskReading]] = []
    for name in counts:
        for words, classes, number in _class_orders(counts[name], table, few=samples < _FEW):
            what = " with ".join(one for one in (f"masks {name}".strip(), words) if one)
            tried.append(
                (_mean_iou(counts[name], classes), bool(name) + number, MaskReading(what, _TURNS[name], classes))
            )
    most = max(score for score, _, _ in tried)
    score, number, best = min(
        (entry for entry in tried if entry[0] >= _AS_GOOD * most), key=lambda entry: (entry[1], -entry[0])
    )
    return best if number and score >= max(as_given + _GAIN, _FACTOR * as_given) else None


def _class_orders(
    counts: NDArray[np.int64], table: PartTable, *, few: bool
) -> Iterable[tuple[str, NDArray[np.uint8], int]]:
    """What a reading of classes is called, the class that each stands for, and its number of corrections."""
    own = np.arange(len(table), dtype=np.uint8)
    yield "", own, 0
    if few:
        return
    yield "left and right swapped", table.flip, 1
    from scipy.optimize import linear_sum_assignment  # where used: most processes that are started never need it

    whole = counts.sum(0)[None] + counts.sum(1)[:, None] - counts
    predicted, target = linear_sum_assignment(-(counts / np.maximum(whole, 1)).T)
    classes = own.copy()
    classes[predicted] = target
    moved = [f"{one} for {table.names[classes[one]]}" for one in own if classes[one] != one and counts[:, one].any()]
    if moved:
        yield f"classes in another order ({', '.join(moved[:5])}{', ...' if len(moved) > 5 else ''})", classes, 2


def _mean_iou(counts: NDArray[np.int64], classes: NDArray[np.uint8]) -> float:
    """Mean IoU of the classes that are there, from counts [label, predicted], if predicted classes stand for others."""
    moved = np.zeros_like(counts)
    np.add.at(moved.T, classes, counts.T)
    whole = moved.sum(0) + moved.sum(1) - moved.diagonal()
    there = whole > 0
    return float((moved.diagonal()[there] / whole[there]).mean()) if there.any() else 0.0
