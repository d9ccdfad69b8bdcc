"""COCO's run-length encoded masks, checked: pycocotools reads and writes beyond its memory on damaged ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]

_BITS: Final = 5
_MORE, _SIGN, _FIRST = 0x20, 0x10, 48
_LONGEST: Final = 8


def decode_union(masks: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """The pixels that at least one of several masks of one size covers.

    Args:
        masks: COCO's form: `size` (height, width) and `counts`, a list of run lengths or their compressed text.

    Returns:
        (h, w) bool, column by column in memory.

    Raises:
        ValueError: If there is none, sizes differ, or runs do not make up a mask of that size.
        KeyError: If `size` or `counts` is missing.
    """
    sizes = {tuple(int(side) for side in mask["size"]) for mask in masks}
    if len(sizes) != 1 or any(len(size) != 2 or min(size) < 0 for size in sizes):
        raise ValueError(f"masks of sizes {sorted(sizes)}")
    height, width = sizes.pop()
    counts = [mask["counts"] for mask in masks]
    if all(isinstance(one, str | bytes) for one in counts):
        runs, first = _decompressed([one.encode("ascii") if isinstance(one, str) else one for one in counts])
    else:
        lists = [np.array(one, np.int64).reshape(-1) for one in counts]
        runs, first = np.concatenate(lists), _starts([len(one) for one in lists])
    n_pixels = height * width
    lengths = np.diff(first, append=len(runs))
    if (lengths < 1).any() or (runs < 0).any() or (np.add.reduceat(runs, first) != n_pixels).any():
        raise ValueError(f"runs that do not make up masks of {height}x{width} px")
    # Each mask's runs fill it, so ends of runs within the mask are those within all masks, modulo its size.
    ends = np.cumsum(runs) - np.repeat(np.arange(len(first)) * n_pixels, lengths)
    place = np.arange(len(runs)) - np.repeat(first, lengths)
    # Runs alternate, beginning with background: people begin where an even run ends, and end with an odd one.
    order = np.argsort(ends)
    edges = ends[order]
    depth = np.cumsum(1 - 2 * (place[order] % 2))
    spans = np.diff(edges, prepend=0, append=n_pixels)
    covered = np.repeat(np.concatenate([[False], depth > 0]), spans)
    return covered.reshape(width, height).T


def _decompressed(texts: Sequence[bytes]) -> tuple[Integers, Integers]:
    """Run lengths of all texts in a row, and where each begins."""
    values = np.frombuffer(b"".join(texts), np.uint8).astype(np.int64) - _FIRST
    ends = np.cumsum([len(text) for text in texts])
    last = (values & _MORE) == 0
    if min(map(len, texts)) == 0 or values.min() < 0 or values.max() >= 2 * _MORE or not last[ends - 1].all():
        raise ValueError("text that is not of COCO's run-length code")
    # Each number is written in 5 bits a letter, lowest first; the letters but its last have the bit `_MORE`.
    after = np.flatnonzero(last) + 1
    start = np.concatenate([[0], after[:-1]])
    width = after - start
    if width.max() >= _LONGEST:
        raise ValueError("a run of more than 40 bits")
    place = np.arange(len(values)) - np.repeat(start, width)
    numbers = np.add.reduceat((values & (_MORE - 1)) << (_BITS * place), start)
    numbers -= np.where((values[last] & _SIGN) != 0, 1 << (_BITS * width), 0)
    first = np.concatenate([[0], np.searchsorted(after, ends[:-1], side="right")])
    # From the fourth on they are differences to the run two before: sums over every other number, mask by mask.
    lengths = np.diff(first, append=len(numbers))
    index = np.arange(len(numbers)) - np.repeat(first, lengths)
    for chain in (index % 2 == 1, (index % 2 == 0) & (index > 0)):
        chosen = np.flatnonzero(chain)
        if len(chosen):
            total = np.cumsum(numbers[chosen])
            begins = index[chosen] <= 2
            base = (total - numbers[chosen])[begins]
            numbers[chosen] = total - base[np.cumsum(begins) - 1]
    return numbers, first


def _starts(lengths: Sequence[int]) -> Integers:
    return np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype(np.int64)
