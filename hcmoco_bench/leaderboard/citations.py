"""BibTeX entries of the publications that leaderboards quote (`leaderboards/citations.bib`)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.leaderboard.folder import CITATIONS, leaderboards_folder

_ENTRY: Final = re.compile(r"^@\w+\{([a-z0-9_]+),\n.*?^\}$", re.MULTILINE | re.DOTALL)


def read_citations(path: Path | None = None) -> dict[str, str]:
    """BibTeX entries by key, in the order of the file.

    Args:
        path: A file whose entries begin and end on lines of their own; None for the packaged one.

    Raises:
        DataError: If it cannot be read, holds something else between its entries, or has a key twice.
    """
    path = leaderboards_folder() / CITATIONS if path is None else path
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise _error(path, f"cannot be read ({error})") from error
    found: dict[str, str] = {}
    for entry in _ENTRY.finditer(text):
        if entry[1] in found:
            raise _error(path, f"has the key {entry[1]} twice")
        found[entry[1]] = entry[0]
    rest = " ".join(_ENTRY.sub("", text).split())
    if rest:
        raise _error(
            path, f"holds what is no entry: {rest[:80]!r}; begin entries with @type{{key, on a line of its own"
        )
    return found


def _error(path: Path, what: str) -> DataError:
    return DataError(f"{path}: {what}", kind="citations", file=str(path))
