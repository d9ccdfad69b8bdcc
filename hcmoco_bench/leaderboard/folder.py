"""Where leaderboards are: the packaged one, and the parts of any."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError

PUBLISHED: Final = "published"
"""Part of a leaderboard that holds the figures of papers, a file a table."""

CITATIONS: Final = "citations.bib"
"""BibTeX of the papers that a leaderboard quotes."""

ROWS: Final = "rows"
"""Part of a leaderboard that holds checked results, a folder a row, in a folder a task."""


def leaderboards_folder() -> Path:
    """The packaged leaderboard: beside the package in a checkout, inside it in a wheel.

    Raises:
        DataError: If the installation lacks it.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "leaderboards", package.parent / "leaderboards"):
        if (folder / PUBLISHED).is_dir():
            return folder
    raise DataError(f"leaderboards: not among the packaged files of {package}; reinstall hcmoco-bench")
