"""Predictions that look like another unit, other axes or other classes than those documented: refused, not scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from hcmoco_bench.errors import DataError

AS_GIVEN_NOTE: Final = "the predictions were scored as given (--as-given), without a check of their plausibility"
"""What the result says of predictions whose scoring the user insisted on."""


@dataclass(frozen=True)
class Reading:
    """One way to read predictions, and what they score when they are read so.

    Attributes:
        what: What the predictions then are, to follow "they look like", e.g. `millimeters`.
        told: The figures as they are shown, e.g. `an accuracy of 97.6 %`.
    """

    what: str
    told: str


def refuse_reading(path: Path, documented: str, given: Reading, likely: Reading) -> NoReturn:
    """Refuse predictions that another reading explains much better.

    Args:
        path: File or folder of the predictions.
        documented: What the task documents, to follow "not like".
        given: Score of the predictions as they are.
        likely: Score after the likely correction.

    Raises:
        DataError: Always; kind `predictions_implausible`.
    """
    _refuse(
        path,
        f"the predictions look like {likely.what}, not like {documented}. Corrected, they have {likely.told}; as they "
        f"are, {given.told}. Correct the file",
    )


def refuse_doubtful(path: Path, why: str) -> NoReturn:
    """Refuse predictions that cannot be meant, or whose meaning is open.

    Args:
        path: File or folder of the predictions.
        why: What is wrong and what to do, up to the last comma.

    Raises:
        DataError: Always; kind `predictions_implausible`.
    """
    _refuse(path, why)


def _refuse(path: Path, why: str) -> NoReturn:
    raise DataError(
        f"{path}: {why}, or insist on scoring the predictions as they are with --as-given",
        kind="predictions_implausible",
        file=str(path),
    )
