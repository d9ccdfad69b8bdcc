"""The score of a method as pictures show it: a mean with its interval, and each seed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SeedScores:
    """The score of a method.

    Attributes:
        mean: Mean over seeds.
        low: Lower end of its interval; nan if it is not known.
        high: Upper end.
        seeds: Score of each seed.
    """

    mean: float
    low: float
    high: float
    seeds: tuple[float, ...]
