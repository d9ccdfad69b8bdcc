"""COCO's run-length encoded masks, checked: pycocotools reads and writes beyond its memory on damaged ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_BITS: Final = 5
_MORE, _SIGN, _FIRST = 0x20, 0x10, 48
_LONGEST: Final = 8


def decode_union(masks: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """The pixels that at least one of several masks of one size covers.

    Args:
        masks: COCO's form: `size` (height, width) and `counts`, a list of run lengths or their compressed text.

    Returns:
        (h, w) bool.

    Raises:
        ValueError: If there is none, sizes differ, or runs do not make up a mask of that size.
        KeyError: If `size` or `counts` is missing.
    """
    sizes = {tuple(int(side) for side in mask["size"]) for mask in masks}
    if len(sizes) != 1 or any(len(size) != 2 or min(size) < 0 for size in sizes):
        raise ValueError(f"masks of sizes {sorted(sizes)}")
    height, width = sizes.pop()
    covered = np.zeros(height * width + 1, np.int32)
    for mask in masks:
        counts = run_lengths(mask["counts"])
        if (counts < 0).any() or counts.sum() != height * width:
            raise ValueError(f"runs of {counts.sum()} px for a mask of {height}x{width} px")
        ends = np.cumsum(counts)
        # Runs alternate, beginning with background; a last run of background has no end of a person's run after it.
        np.add.at(covered, ends[:-1:2], 1)
        np.add.at(covered, ends[1::2], -1)
    return (np.cumsum(covered[:-1]) > 0).reshape(width, height).T


def run_lengths(counts: Any) -> NDArray[np.int64]:
    """Lengths of the runs, background first; raises ValueError for text that is not of this code."""
    if not isinstance(counts, str | bytes):
        return np.array(counts, np.int64).reshape(-1)
    data = np.frombuffer(counts.encode("ascii") if isinstance(counts, str) else counts, np.uint8).astype(np.int64)
    values = data - _FIRST
    if data.size == 0 or values.min() < 0 or values.max() >= 2 * _MORE or values[-1] & _MORE:
        raise ValueError("text that is not of COCO's run-length code")
    # Each number is written in 5 bits a letter, lowest first; the letters but its last have the bit `_MORE`.
    last = (values & _MORE) == 0
    first = np.concatenate([[0], np.flatnonzero(last)[:-1] + 1])
    place = np.arange(len(values)) - np.repeat(first, np.diff([*first, len(values)]))
    if place.max() >= _LONGEST:
        raise ValueError("a run of more than 40 bits")
    numbers = np.add.reduceat((values & (_MORE - 1)) << (_BITS * place), first)
    negative = (values[last] & _SIGN) != 0
    numbers = numbers - np.where(negative, 1 << (_BITS * (place[last] + 1)), 0)
    # From the fourth on they are differences to the run two before.
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers
