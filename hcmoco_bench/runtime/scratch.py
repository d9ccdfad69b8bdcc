"""Memory that one computation after another uses."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray


class Scratch:
    """Memory for results that are soon replaced by the next.

    An array of megabytes comes from the system page by page and goes back there, which takes longer than many a
    computation that fills it.
    """

    def __init__(self) -> None:
        self._bytes = np.empty(0, np.uint8)

    def array(self, *shape: int) -> NDArray[np.uint8]:
        """A uint8 array with any content, valid until the next call."""
        size = prod(shape)
        if size > len(self._bytes):
            self._bytes = np.empty(size, np.uint8)
        return self._bytes[:size].reshape(shape)
