"""Columns that stores of several kinds share."""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow as pa

Row: TypeAlias = dict[str, Any]
"""A row of a store as Python values, by column."""

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
"""An encoded image and the file name it would have; the form that `datasets.Image` reads."""
