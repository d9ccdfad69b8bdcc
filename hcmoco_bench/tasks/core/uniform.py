"""Uniform shares of a list: items 0, k, 2k, ..., as the paper draws them, and some to look at."""

from __future__ import annotations

from collections.abc import Sequence

from hcmoco_bench.errors import UsageError


def uniform_rows(count: int, percent: str, *, task: str) -> list[int]:
    """Rows 0, k, 2k, ... of `count`, with k = 100 / percent, floor(count / k) of them.

    Args:
        count: Length of the list.
        percent: Of a split's name, e.g. `10` of `train_10`.
        task: For messages.

    Raises:
        UsageError: If 100 / percent is no whole number, or there is less than one row.
    """
    try:
        step = 100 / float(percent)
    except (ValueError, ZeroDivisionError):
        step = 0.0
    if not step >= 1 or abs(step - round(step)) > 1e-6:  # nan is no share either
        raise UsageError(
            f"{task}: train_{percent} is no share that items 0, k, 2k, ... make; use --ratio 0.5, 0.2, 0.1 or another "
            "1 / k"
        )
    step = round(step)
    if count < step:
        raise UsageError(f"{task}: {percent} % of {count} samples is less than one; use a larger --ratio")
    return list(range(0, count // step * step, step))


def spread(names: Sequence[str], count: int) -> list[str]:
    """So many of the names, evenly over all."""
    return [names[number * len(names) // count] for number in range(count)] if count < len(names) else list(names)
