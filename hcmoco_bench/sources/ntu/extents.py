"""How many frames the recordings of a clip cover, and whether their frames of one number show one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Final

MOST_APART: Final = 2
"""Frames by which two recordings of one clip may differ in length.

The recordings of a clip were started and stopped together, but each by a thread of its own: published files have one
frame more or less than the clip, so two of them differ by two at most. A video at another rate, or one that was cut,
differs by more.
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a clip a recording covers.

    Attributes:
        length: Frames of the recording when it was whole, as far as the recording itself says.
        present: Frames that are there.
        open_end: True if the recording may have been longer: it has gaps or is cut off and does not say where it ended.
    """

    length: int
    present: int
    open_end: bool = False

    @property
    def whole(self) -> bool:
        """Whether all of its frames are there."""
        return self.present == self.length > 0 and not self.open_end


def out_of_step(extents: Mapping[str, Extent]) -> frozenset[str]:
    """Which recordings of a clip cannot be paired with the others by frame number.

    Where two agree and the third does not, it is the third; where none can be believed more than another, all. A
    recording with an open end disagrees only by being longer than the others.

    Args:
        extents: The recordings of one clip by name.

    Returns:
        Some of the names; empty if all lengths are within `MOST_APART` of each other.
    """
    closed = {name: extent.length for name, extent in extents.items() if not extent.open_end}
    wrong = _disagreeing(closed)
    agreed = [length for name, length in closed.items() if name not in wrong]
    longer = {
        name
        for name, extent in extents.items()
        if extent.open_end and agreed and extent.length > max(agreed) + MOST_APART
    }
    if longer and len(agreed) == 1:
        return frozenset(closed) | longer
    return wrong | longer


def _disagreeing(lengths: Mapping[str, int]) -> frozenset[str]:
    if not lengths or max(lengths.values()) - min(lengths.values()) <= MOST_APART:
        return frozenset()
    pairs = [pair for pair in combinations(lengths, 2) if abs(lengths[pair[0]] - lengths[pair[1]]) <= MOST_APART]
    return frozenset(lengths) - frozenset(pairs[0] if len(pairs) == 1 else ())
