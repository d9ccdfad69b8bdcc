"""Items of ordered lists at even distances: the shares that the papers train on, and some to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")

_ROUNDING = 1e-6


def uniform_share(items: Sequence[Item], percent: float) -> tuple[Item, ...]:
    """Items 0, k, 2k, ... of a list of n, floor(n / k) of them, with k = 100 / percent.

    This is how HCMoCo's code samples ITOP, and what the paper calls uniform sampling from the default ordered list.

    Args:
        items: The full list.
        percent: 100 / k for a whole k: 100, 50, 20, 10, 5, 2.5, 1, ...

    Raises:
        ValueError: If 100 / percent is no whole number.
    """
    step = 100 / percent if percent else 0.0
    if not step >= 1 or abs(step - round(step)) > _ROUNDING:  # nan is no share either
        raise ValueError(f"percent must be a divisor of 100, not {percent}")
    step = round(step)
    return tuple(items[::step][: len(items) // step])


def spread(items: Sequence[Item], number: int) -> list[Item]:
    """Up to `number` of the items in their order, from the middle of stretches of the same length."""
    count = min(number, len(items))
    return [items[(2 * i + 1) * len(items) // (2 * count)] for i in range(count)]
