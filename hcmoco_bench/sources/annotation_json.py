"""Finding the JSON annotations of image data sets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hcmoco_bench.errors import DataError


def find_json(root: Path, published: Mapping[str, str]) -> dict[str, Path]:
    """The annotation files of a data set by split.

    Args:
        root: Its folder.
        published: Path of each split's file below it, as the data set is published.

    Returns:
        The published files that are there; if there is none, a single JSON file in the folder itself counts as `train`.

    Raises:
        DataError: Kind `root_unreadable` or `no_annotations`.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give the data set's folder", kind="root_unreadable", file=str(root))
    found = {split: root / name for split, name in published.items() if (root / name).is_file()}
    if found:
        return found
    own = sorted(path for path in root.iterdir() if path.suffix.lower() == ".json" and path.is_file())
    if len(own) == 1:
        return {"train": own[0]}
    expected = " and ".join(published.values())
    raise DataError(
        f"{root}: neither {expected}, nor a single .json file; give the folder that holds them",
        kind="no_annotations",
        file=str(root),
    )


def wrong_form(path: Path, expected: str) -> DataError:
    """The error for a JSON file that is something else than the data set's annotations."""
    return DataError(
        f"{path}: not these annotations, {expected} is missing; give the data set's own file",
        kind="annotations_unreadable",
        file=str(path),
    )
