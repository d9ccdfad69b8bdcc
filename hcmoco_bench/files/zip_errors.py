"""What goes wrong when an archive from outside is read."""

from __future__ import annotations

import gzip
import lzma
import tokenize
import zipfile
import zlib
from typing import Final

ZIP_ERRORS: Final = (
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What `zipfile` raises for damaged, encrypted or exotic archives and members."""

GZIP_ERRORS: Final = (EOFError, gzip.BadGzipFile, zlib.error)
"""What `gzip` raises for content that is cut short or damaged."""

NPZ_ERRORS: Final = (*ZIP_ERRORS, LookupError, SyntaxError, TypeError, tokenize.TokenError)
"""What `numpy.load` raises for a damaged `.npz`; it has Python parse the headers of arrays."""
