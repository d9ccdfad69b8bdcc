"""The folder of an export: new or empty, so that no file of an earlier export passes for one of this."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.atomic import write_atomic, write_error


def check_empty(out: Path) -> None:
    """Raise UsageError unless `out` is an empty folder or free."""
    if out.is_dir():
        held = min((path.name for path in out.iterdir()), default=None)
        if held is not None:
            raise UsageError(f"{out}: holds files already ({held}, ...); give a new or an empty folder with --out")
    elif out.exists():
        raise UsageError(f"{out}: is a file; give a folder with --out")


def write_file(path: Path, content: str) -> Path:
    """Write a file and the folders above it.

    Raises:
        DataError: If two tables or rows ask for the same file (`export_name`).
        StoreError: If it cannot be written.
    """
    if path.exists():
        raise DataError(
            f"{path}: two tables or rows have this name, which differs only by what paths do not hold; rename one",
            kind="export_name",
            file=str(path),
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(path, error) from error
    write_atomic(path, content)
    return path
