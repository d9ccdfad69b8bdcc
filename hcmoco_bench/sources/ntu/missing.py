"""The published lists of clips whose skeletons are missing or incomplete."""

from __future__ import annotations

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.names import ClipName


def parse_missing_list(text: str) -> frozenset[ClipName]:
    """Read a list of clip names, one a line; prose before the first name and empty lines are skipped.

    Source: `NTU_RGBD_samples_with_missing_skeletons.txt` (302 clips) and `NTU_RGBD120_...` (535 clips) of
    https://github.com/shahroudy/NTURGB-D.

    Raises:
        DataError: Kind `missing_list_garbled`, if a line after the first name is not a clip name.
    """
    names: set[ClipName] = set()
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.strip().lstrip("\ufeff")
        try:
            names.add(ClipName.parse(entry))
        except DataError as error:
            if names and entry:
                raise DataError(
                    f"line {number} of the missing-skeleton list: {error}; fetch the list again",
                    kind="missing_list_garbled",
                ) from error
    return frozenset(names)
