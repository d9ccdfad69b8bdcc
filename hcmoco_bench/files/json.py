"""JSON files: written so that the same values give the same bytes, and read with an error that says what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import DataError


def dump_json(value: Any) -> str:
    """Indented JSON with sorted keys and a final newline; letters beyond ASCII stay as they are."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def read_json(path: Path, *, kind: str) -> Any:
    """Read a JSON file that somebody else wrote.

    Args:
        path: The file.
        kind: Kind of the error.

    Raises:
        DataError: If it is missing, cut off, or not JSON.
    """
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})", kind=kind, file=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not whole JSON ({error}); write or fetch it again", kind=kind, file=str(path)
        ) from error
