"""What goes wrong when a MATLAB file from outside is read."""

from __future__ import annotations

import struct
import zlib
from typing import Final

from scipy.io.matlab import MatReadError

MAT_ERRORS: Final = (
    *(OSError, ValueError, TypeError, KeyError, NotImplementedError, MemoryError, EOFError, IndexError),
    *(MatReadError, struct.error, zlib.error),
)
"""What `scipy.io.loadmat`, and taking arrays out of what it gives, raise for damaged or foreign files."""
