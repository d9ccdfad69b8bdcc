"""The folder in which commands keep what they make."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

HOME: Final = Path(os.environ.get("HCMOCO_HOME", "hcmoco-data"))
"""Folder of prepared stores, runs and priors; the variable `HCMOCO_HOME` names another."""


def existing_home() -> Path | None:
    """The folder if it is there: what a library function may keep things in without making folders of its own."""
    return HOME if HOME.is_dir() else None
