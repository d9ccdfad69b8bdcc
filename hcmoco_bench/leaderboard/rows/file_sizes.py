"""How large the files of a row may be, so that nobody's row fills the memory of those who check it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.zip_errors import ZIP_ERRORS

LARGEST_JSON: Final = 16 << 20
"""Bytes of `row.json` and `result.json`."""

LARGEST_EVIDENCE: Final = 512 << 20
"""Bytes of an evidence file, packed and unpacked: about 2 KB for each of a quarter of a million samples."""


def check_size(path: Path, most: int = LARGEST_JSON) -> None:
    """Raise DataError (`file_too_large`) if a file is larger than this; a file that is not there is for others."""
    try:
        size = path.stat().st_size
    except (OSError, ValueError):
        return
    if size > most:
        raise _too_large(path, size, most)


def check_evidence_size(path: Path) -> None:
    """Raise DataError (`file_too_large`) if an evidence file, or what it unpacks to, is larger than evidence can be."""
    check_size(path, LARGEST_EVIDENCE)
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(member.file_size for member in archive.infolist())
    except ZIP_ERRORS:
        return  # which reading it tells
    if size > LARGEST_EVIDENCE:
        raise _too_large(path, size, LARGEST_EVIDENCE)


def _too_large(path: Path, size: int, most: int) -> DataError:
    return DataError(
        f"{path}: {size / 1e6:,.0f} MB are more than such a file holds ({most / 1e6:,.0f} MB); it is not read",
        kind="file_too_large",
        file=str(path),
    )
