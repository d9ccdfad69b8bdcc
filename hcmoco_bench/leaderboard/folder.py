"""Where the leaderboards (`leaderboards/`) are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.errors import DataError


def leaderboards_folder() -> Path:
    """The packaged folder `leaderboards/`.

    Raises:
        DataError: If the installation lacks it.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "leaderboards", package.parent / "leaderboards"):
        if folder.is_dir():
            return folder
    raise DataError(f"leaderboards: not among the packaged files of {package}; reinstall hcmoco-bench")
