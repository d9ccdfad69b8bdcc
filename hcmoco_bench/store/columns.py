"""Columns that stores of several kinds share."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import pyarrow as pa

Row: TypeAlias = dict[str, Any]
"""A row of a store as Python values, by column."""

JPEG_QUALITY: Final = 95
"""Quality of RGB that is encoded anew; at 95 the error is below the alignment's."""

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""An encoded image and the file name it would have; the form that `datasets.Image` reads."""
