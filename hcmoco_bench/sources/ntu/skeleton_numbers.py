"""Numbers of `.skeleton` files, fast where the text is regular and exact about what is wrong where it is not."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

_COLUMNS = 12
_PLAIN = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_NAN = re.compile(rb"[+-]?(nan(\([a-z]*\))?|1\.#(ind|qnan|snan|nan)0*)", re.IGNORECASE)
_INF = re.compile(rb"([+-]?)(inf(inity)?|1\.#inf0*)", re.IGNORECASE)


class GarbledLineError(Exception):
    """A line is not what it should be.

    Attributes:
        line: Line number from 1; 0 for the file as a whole.
        empty: True if there is nothing at all.
    """

    def __init__(self, message: str, *, line: int = 0, empty: bool = False) -> None:
        super().__init__(message)
        self.line = line
        self.empty = empty


def parse_number(token: bytes, line: int) -> float:
    """Read one number; `nan` and `inf` in all the spellings of C libraries, Microsoft's `1.#IND` included.

    Raises:
        GarbledLineError: If it is no number.
    """
    if _PLAIN.fullmatch(token):
        return float(token)
    if _NAN.fullmatch(token):
        return float("nan")
    infinite = _INF.fullmatch(token)
    if infinite is None:
        raise GarbledLineError(f"{token[:40]!r} is not a number", line=line)
    return float("-inf") if infinite[1] == b"-" else float("inf")


def parse_joint_lines(lines: Sequence[bytes], first_line_numbers: Sequence[int]) -> NDArray[np.float64]:
    """Read lines of 12 numbers.

    Args:
        lines: 25 lines a record.
        first_line_numbers: Number of each record's first line in the file, for messages.

    Returns:
        (len(lines), 12) float64.

    Raises:
        GarbledLineError: If a line does not hold 12 numbers.
    """
    if not lines:
        return np.empty((0, _COLUMNS))
    table = _parse_regular(lines)
    if table is not None:
        return table
    joints = len(lines) // len(first_line_numbers)
    rows = []
    for index, line in enumerate(lines):
        number = first_line_numbers[index // joints] + index % joints
        row = [parse_number(token, number) for token in line.split()]
        if len(row) != _COLUMNS:
            raise GarbledLineError(f"{len(row)} numbers instead of {_COLUMNS}", line=number)
        rows.append(row)
    return np.array(rows)


def _parse_regular(lines: Sequence[bytes]) -> NDArray[np.float64] | None:
    """Read with Arrow's CSV reader, three times as fast as `float`; None if the text is not that regular."""
    text = b"\n".join(lines)
    names = [str(i) for i in range(_COLUMNS)]
    try:
        table = csv.read_csv(
            pa.py_buffer(text),
            csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=names),
            csv.ParseOptions(delimiter=" ", quote_char=False, double_quote=False, escape_char=False),
            csv.ConvertOptions(column_types=dict.fromkeys(names, pa.float64()), null_values=[]),
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != len(lines):
        return None
    return np.stack([column.to_numpy() for column in table.columns], axis=1)
