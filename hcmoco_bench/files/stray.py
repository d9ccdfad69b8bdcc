"""Files that nobody meant to be there: operating systems, file shares and notebooks leave them beside others."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

_NAMES: Final = frozenset(
    {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "Thumbs.db", "desktop.ini"}
)


def is_stray(path: PurePath) -> bool:
    """Whether a path, relative to the folder that was given, belongs to something hidden or left behind.

    Hidden files and folders (`._x.png` of macOS, `.ipynb_checkpoints`, `.DS_Store`, `.Trash-1000`) and the names that
    macOS, Windows and file shares use.
    """
    return any(part.startswith(".") or part in _NAMES for part in path.parts)
