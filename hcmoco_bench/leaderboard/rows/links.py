"""Symbolic links in a leaderboard: nothing of a row lies elsewhere."""

from __future__ import annotations

from pathlib import Path


def link_errors(board: Path) -> tuple[str, ...]:
    """A sentence for each symbolic link below a leaderboard: it could name files outside of it."""
    return tuple(
        f"{path.relative_to(board)} is a symbolic link; give the file itself"
        for path in sorted(board.rglob("*"))
        if path.is_symlink()
    )
