"""The authors' lists of clips with missing or incomplete skeletons (302 in NTU-60, 535 in NTU-120)."""

from __future__ import annotations

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.ntu.names import ClipName


def parse_missing_list(text: str) -> frozenset[ClipName]:
    """Read such a list: a few lines of prose, an empty line, then one clip name a line.

    Args:
        text: The file's text.

    Returns:
        The clips named; lines that are not exactly a clip name are prose.
    """
    clips = set()
    for line in text.splitlines():
        try:
            clips.add(ClipName.parse(line.strip()))
        except DataError:
            continue
    return frozenset(clips)
