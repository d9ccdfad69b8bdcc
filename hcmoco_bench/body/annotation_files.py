"""Where the packaged tables (`annotations/`) are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from hcmoco_bench.errors import DataError


def annotation_file(name: str) -> Path:
    """Return the path of a file of `annotations/`.

    Args:
        name: File name inside `annotations/`, e.g. `parts.toml`; `DATASET_CARD.md` is found too.

    Raises:
        DataError: If the installation lacks the file.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "annotations", package.parent / "annotations", package.parent):
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{name}: not among the packaged tables of {package}; reinstall hcmoco-bench")


def read_table(name: str) -> dict[str, Any]:
    """Parse one TOML table of `annotations/`."""
    with annotation_file(name).open("rb") as handle:
        return tomllib.load(handle)
