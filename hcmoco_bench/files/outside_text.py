"""Text from outside (names of files, ids in users' files, error messages that quote them) for output of every kind.

On Linux a file name is bytes. Python shows those that are not UTF-8 as lone surrogates, which no JSON, Parquet, page or
terminal takes; a JSON file may hold lone surrogates as well. Names may also hold control characters, with which a
terminal moves its cursor or turns the direction of writing.
"""

from __future__ import annotations

import re
from typing import Final

_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def storable(text: str) -> str:
    r"""Text that is valid Unicode: a byte of a name that is not UTF-8 becomes `\xNN`, any other surrogate `\uNNNN`.

    All text that can be encoded is returned as it is. The result is for people and for records; only the original
    opens the file.
    """
    return _SURROGATE.sub(_escaped, text)


def is_storable(text: str) -> bool:
    """Whether a text is valid Unicode; libraries that take UTF-8 alone can open files of such names."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    r"""Storable text that cannot steer a terminal: control characters, too, become `\xNN` or `\uNNNN`.

    Newlines and tabs stay.
    """
    return _CONTROL.sub(_escaped, storable(text))


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    byte = code - 0xDC00 if 0xDC80 <= code <= 0xDCFF else code
    return f"\\x{byte:02x}" if byte < 0x100 else f"\\u{byte:04x}"
