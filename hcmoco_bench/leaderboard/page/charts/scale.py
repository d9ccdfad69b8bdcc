"""Scales of charts: from values to coordinates, and round values for ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: its coordinate and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class Scale:
    """Maps values `low..high` to coordinates `start..end`, by their logarithms if asked for."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The coordinate, px, with one decimal."""
        low, high, place = (math.log(one) if self.logarithmic else one for one in (self.low, self.high, value))
        return round(self.start + (place - low) / (high - low) * (self.end - self.start), 1)


def round_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values whose first is at most `low` and whose last is at least `high`; at least two."""
    span = (high - low) or abs(high) or 1.0
    step = 10.0 ** math.floor(math.log10(span / most))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if math.ceil(span / (step * factor)) <= most)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(place * step, 10) for place in range(first, max(last, first + 1) + 1)]


def tick_text(value: float, values: Sequence[float]) -> str:
    """A tick's value with the decimals that tell all of them apart."""
    step = min(b - a for a, b in pairwise(values))
    return f"{value:.{max(0, -math.floor(math.log10(step) + 1e-9))}f}".replace("-", "\u2212")
