"""The arrays of a pickled dictionary, read without running anything of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.plain_pickle import PlainPickleError, read_plain_pickle


def read_array_pickle(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a pickled dictionary, of Python 2 or 3.

    Args:
        path: The file; it is read into memory, and its arrays are views of what was read.

    Returns:
        Its arrays by name, read-only. Other entries (numbers, texts, lists) are left out.

    Raises:
        DataError: Kind `pickle_refused` if it asks for anything but plain values and numpy arrays of numbers,
            `pickle_unreadable` if it is missing, truncated, or not a dictionary.
    """
    try:
        content = read_plain_pickle(path)
        if not isinstance(content, dict):
            raise PlainPickleError(f"it holds a {type(content).__name__}")
    except PlainPickleError as error:
        if error.kind == "foreign":
            raise DataError(
                f"{path}: {error}, and only numpy arrays are read from pickles; take the file of the DensePose authors",
                kind="pickle_refused",
                file=str(path),
            ) from error
        raise DataError(
            f"{path}: not a whole pickled dictionary of arrays ({error}); fetch it again",
            kind="pickle_unreadable",
            file=str(path),
        ) from error
    return {_text(name): value for name, value in content.items() if isinstance(value, np.ndarray)}


def _text(value: Any) -> str:
    return value.decode("latin1") if isinstance(value, bytes) else str(value)
