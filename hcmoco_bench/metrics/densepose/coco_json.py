"""Reading COCO's JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import DataError


def load_json(path: Path, kind: str) -> Any:
    """The content of a JSON file; raises DataError of this kind if it is missing, truncated, or not JSON."""
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})", kind=kind, file=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not whole JSON ({error}); write or fetch it again", kind=kind, file=str(path)
        ) from error
