"""JSON files: written so that the same values give the same bytes, and read with an error that says what to do."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.outside_text import is_storable, storable
from hcmoco_bench.files.zip_errors import GZIP_ERRORS


def json_text(
    value: Any,
    *,
    indent: int | None = None,
    sort_keys: bool = False,
    allow_nan: bool = True,
    default: Callable[[Any], Any] | None = None,
) -> str:
    """JSON that any reader takes: letters beyond ASCII stay as they are, undecodable ones become `storable`.

    The arguments are those of `json.dumps`.
    """
    text = json.dumps(
        value, indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=allow_nan, default=default
    )
    # Outside of its strings JSON is ASCII, so that all escapes are inside of strings; there a backslash is doubled.
    return text if text.isascii() or is_storable(text) else "".join(_escaped(letter) for letter in text)


_GZIP: Final = b"\x1f\x8b"


def dump_json(value: Any) -> str:
    """Indented JSON with sorted keys and a final newline, as `json_text` writes it."""
    return json_text(value, indent=2, sort_keys=True) + "\n"


def finite(value: Any) -> Any:
    """A value of dictionaries and lists with None for each nan and infinity, for which JSON has no form."""
    if isinstance(value, Real) and not isinstance(value, Integral):  # scalars of NumPy too
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(one) for name, one in value.items()}
    return [finite(one) for one in value] if isinstance(value, list | tuple) else value


def read_json(path: Path, *, kind: str, pairs: bool = False) -> Any:
    """Read a JSON file that somebody else wrote, packed with gzip or not, whatever its name.

    Args:
        path: The file.
        kind: Kind of the error.
        pairs: Whether objects become lists of (name, value), in which a name that comes twice is seen.

    Raises:
        DataError: If it is missing, cut off, or not JSON.
    """
    try:
        data = path.read_bytes()
        content = gzip.decompress(data) if data.startswith(_GZIP) else data
        return json.loads(content, object_pairs_hook=list if pairs else None)
    except GZIP_ERRORS as error:
        raise DataError(
            f"{path}: cannot be unpacked ({error}); write or fetch it again", kind=kind, file=str(path)
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})", kind=kind, file=str(path)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: not whole JSON ({error}); write or fetch it again", kind=kind, file=str(path)
        ) from error


def _escaped(letter: str) -> str:
    kept = storable(letter)
    return letter if kept == letter else f"\\{kept}"
