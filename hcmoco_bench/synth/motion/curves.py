"""Smooth time courses: minimum-jerk key frames, windows and slow noise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def minimum_jerk(share: ArrayLike) -> Floats:
    """The 0..1 course of a point-to-point movement (Flash and Hogan 1985), clipped outside 0..1."""
    share = np.clip(share, 0, 1)
    result: Floats = share**3 * (10 - 15 * share + 6 * share**2)
    return result


def through(time: Floats, keys: Sequence[tuple[float, float]]) -> Floats:
    """Minimum-jerk moves from key to key, holding the first and the last value outside.

    Args:
        time: (N,) seconds.
        keys: (time, value) with rising times.
    """
    value = np.full_like(time, keys[0][1])
    for (start, before), (end, after) in pairwise(keys):
        value += (after - before) * minimum_jerk((time - start) / max(end - start, 1e-6))
    return value


def window(time: Floats, start: float, end: float, rise: float, fall: float | None = None) -> Floats:
    """0, then up to 1 in `rise` seconds from `start`, and back to 0 in `fall` seconds until `end`."""
    fall = rise if fall is None else fall
    up = minimum_jerk((time - start) / max(rise, 1e-6))
    down: Floats = minimum_jerk((time - end + fall) / max(fall, 1e-6))
    return up * (1 - down)


def wave(time: Floats, frequency: float, phase: float = 0.0) -> Floats:
    """Sine of `frequency` Hz; `phase` in turns."""
    result: Floats = np.sin(2 * np.pi * (frequency * time + phase))
    return result


def drift(time: Floats, rng: np.random.Generator, slowest: float = 0.12, fastest: float = 0.6) -> Floats:
    """Slow noise of about unit size: four sines between two frequencies, Hz."""
    frequencies = rng.uniform(slowest, fastest, 4)
    phases = rng.uniform(0, 1, 4)
    total: Floats = np.sum([wave(time, f, p) for f, p in zip(frequencies, phases, strict=True)], 0)
    return total / 2
