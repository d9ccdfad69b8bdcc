"""Finding the JSON annotations of image data sets, and the images that they name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.other_forms import PACKED, SPLIT, UNFINISHED, OtherForm, other_forms, seen_instead

OTHER_FORMS: Final = (
    UNFINISHED,
    SPLIT,
    PACKED,
    OtherForm(
        "annotations_not_json",
        re.compile(r"\.(mat|xml|csv|pkl|npy|npz|h5|txt)$"),
        "annotations in another form than JSON, which are not read",
        "give the published JSON (MPII's as HRNet has it: annot/train.json and annot/valid.json)",
    ),
)
"""Forms of image data sets that are not read, in the order in which they are tried."""


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
    folders = dict.fromkeys([root, *((root / name).parent for name in published.values())])
    raise DataError(
        f"{root}: neither {expected}, nor a single .json file; give the folder that holds them"
        f"{seen_instead(other_forms(folders, OTHER_FORMS))}",
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
