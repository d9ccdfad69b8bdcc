"""The types of numpy that are read from other programs' pickles: real numbers of at most 64 bits, and truth values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

NUMBER_FORMATS: Final[Mapping[str, str]] = {
    "b1": "?",
    "i1": "b",
    "i2": "h",
    "i4": "i",
    "i8": "q",
    "u1": "B",
    "u2": "H",
    "u4": "I",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
}
"""Format characters of `struct` by the codes that numpy writes."""
