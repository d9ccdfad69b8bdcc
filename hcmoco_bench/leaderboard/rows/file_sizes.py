"""How large the JSON files of a row may be; `results.evidence_archive` bounds its evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError

LARGEST_JSON: Final = 16 << 20
"""Bytes of `row.json` and `result.json`."""


def check_size(path: Path, most: int = LARGEST_JSON) -> None:
    """Raise DataError (`file_too_large`) if a file is larger than this; a file that is not there is for others."""
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        return
    if size > most:
        raise _too_large(path, size, most)


def _too_large(path: Path, size: int, most: int) -> DataError:
    return DataError(
        f"{path}: {size / 1e6:,.0f} MB are more than such a file holds ({most / 1e6:,.0f} MB); it is not read",
        kind="file_too_large",
        file=str(path),
    )
