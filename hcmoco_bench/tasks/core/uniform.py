"""Uniform shares of a training split, asked for by the split's name."""

from __future__ import annotations

from hcmoco_bench.errors import UsageError
from hcmoco_bench.uniform import uniform_share


def uniform_rows(count: int, percent: str, *, task: str) -> list[int]:
    """The rows of a uniform share, as `uniform_share` takes them.

    Args:
        count: Length of the list.
        percent: Of a split's name, e.g. `10` of `train_10`.
        task: For messages.

    Raises:
        UsageError: If 100 / percent is no whole number, or there is less than one row.
    """
    try:
        rows = uniform_share(range(count), float(percent))
    except ValueError as error:
        raise UsageError(
            f"{task}: train_{percent} is no share that items 0, k, 2k, ... make; use --ratio 0.5, 0.2, 0.1 or another "
            "1 / k"
        ) from error
    if not rows:
        raise UsageError(f"{task}: {percent} % of {count} samples is less than one; use a larger --ratio")
    return list(rows)
