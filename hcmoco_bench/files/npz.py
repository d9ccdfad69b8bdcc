"""Archives of arrays (`.npz`) whose bytes depend on the arrays alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

_NO_DATE: Final = (1980, 1, 1, 0, 0, 0)


def npz_bytes(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of an `.npz` file, compressed; `numpy.load` reads it.

    Args:
        arrays: Arrays by name, of numbers or texts, not of objects.

    Raises:
        ValueError: If an array holds objects.
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            array = io.BytesIO()
            np.save(array, values, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", _NO_DATE), array.getvalue(), zipfile.ZIP_DEFLATED)
    return file.getvalue()
