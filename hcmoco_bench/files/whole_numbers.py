"""Ids, categories and flags in files of other programs: one rule for what counts as a whole number."""

from __future__ import annotations

import math
import re
from numbers import Integral, Real
from typing import Any, Final

_TEXT: Final = re.compile(r"\s*([+-]?[0-9]+)(?:\.0*)?\s*")


def whole_number(value: Any) -> int:
    """The number that an id, a category or a count stands for; nothing is ever rounded.

    Args:
        value: 9, 9.0, "9", "9.0" or "000009", as JSON, pandas and NumPy write it; scalars of NumPy are numbers too.

    Raises:
        ValueError: If it is anything else: 9.5, nan, True, None, "nine".
    """
    if isinstance(value, bool):
        pass
    elif isinstance(value, str):
        match = _TEXT.fullmatch(value)
        if match is not None:
            return int(match[1])
    elif isinstance(value, Integral):
        return int(value)
    elif isinstance(value, Real):
        number = float(value)
        if math.isfinite(number) and number.is_integer():
            return int(number)
    raise ValueError(f"{value!r} is not a whole number")


def is_set(value: Any) -> bool:
    """Whether a flag is set: a truth value, or a whole number other than 0 in any form; not if it is missing (None).

    Raises:
        ValueError: If it is anything else.
    """
    return value if isinstance(value, bool) else value is not None and whole_number(value) != 0
