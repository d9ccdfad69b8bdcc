"""Figures as pages write them: their digits, shares of labels, and texts of rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

from hcmoco_bench.leaderboard.linkable_address import linkable_address

MISSING: Final = "–"
"""What stands for a figure that is not defined or not known."""

_PAD: Final = "\u2007"  # a space as wide as a digit
_MOST_DECIMALS: Final = 4


def decimals_of(values: Iterable[float | None]) -> int:
    """Number of decimals with which all of these figures are written as they are given, at most 4."""
    return max((_decimals(value) for value in values if value is not None and math.isfinite(value)), default=0)


def rounded(value: float | None, decimals: int, width: int | None = None) -> str:
    """A figure with that many decimals; filled up to `width` decimals by spaces, so that points stand in a column."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:.{decimals}f}".replace("-", "\u2212")
    missing = 0 if width is None else width - decimals + (decimals == 0 and width > 0)
    return text + _PAD * missing


def exact(value: float | None) -> str:
    """A figure at full precision, as Python and JavaScript read it; `MISSING` if it is not defined."""
    return MISSING if value is None or not math.isfinite(value) else repr(float(value))


def share(ratio: float | None) -> str:
    """A share of labels in percent, e.g. `20 %`."""
    return MISSING if ratio is None else f"{100 * ratio:.4g}\u00a0%"


def web_address(url: str) -> str:
    """The address if a browser may follow it from a page, as `linkable_address` has it; else nothing."""
    return linkable_address(url) or ""


def _decimals(value: float) -> int:
    text = f"{value:.{_MOST_DECIMALS}f}".rstrip("0")
    return len(text.partition(".")[2])
