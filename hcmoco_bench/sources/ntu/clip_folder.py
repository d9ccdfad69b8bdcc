"""What a folder named after its clip holds, judged by its own names, in folders and archives alike."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hcmoco_bench.sources.ntu.extents import Extent
from hcmoco_bench.sources.ntu.layout import (
    DEPTH_NAME,
    DEPTH_PATTERN,
    RGB_SUFFIX,
    SKELETON_SUFFIX,
    UNMASKED_PREFIX,
)

_MASKED = re.compile(rf"^{DEPTH_NAME}$", re.MULTILINE)

_FIRST = DEPTH_PATTERN.format(frame=1)
_NO_FOLDER_INSIDE = 2
"""Links to a folder that has none inside: its name, and its own `.`."""


@dataclass
class ClipFolder:
    """What was seen in a clip's folder.

    Attributes:
        masked: Number of masked depth frames.
        highest: The highest of their numbers; 0 without any.
        unmasked: Number of unmasked depth frames.
        others: Number of other entries that are not hidden.
    """

    masked: int = 0
    highest: int = 0
    unmasked: int = 0
    others: int = 0

    def see(self, names: Sequence[str]) -> None:
        """Add names of entries, without folders."""
        numbers = _MASKED.findall("\n".join(names))
        self.masked += len(numbers)
        if numbers:
            self.highest = max(self.highest, int(max(numbers)))
        if len(numbers) == len(names):
            return
        unmasked = sum(name.startswith(UNMASKED_PREFIX) for name in names)
        self.unmasked += unmasked
        self.others += sum(not name.startswith(".") for name in names) - unmasked - len(numbers)

    @property
    def extent(self) -> Extent:
        """The masked depth frames; with gaps or without any, their end is open."""
        if not self.masked:
            return Extent(0, 0, open_end=True)
        return Extent(self.highest, self.masked, open_end=self.masked != self.highest)

    @property
    def only_unmasked(self) -> bool:
        """Whether the depth that is here is unmasked."""
        return self.unmasked > 0 and not self.masked


def holds_depth_alone(path: str, clip: str) -> bool:
    """Whether a clip's folder is plainly as published, told by four names, which is faster than to list a hundred.

    It holds the first masked frame, no folder (each would count as a link to it), and no recording of its clip.

    Args:
        path: The folder.
        clip: Name of the clip.
    """
    try:
        links = os.stat(path).st_nlink  # noqa: PTH116 - 100,000 times
        os.stat(f"{path}/{_FIRST}")  # noqa: PTH116
    except OSError:
        return False
    exists = os.path.exists
    return (
        links == _NO_FOLDER_INSIDE  # file systems that do not count say 1
        and not exists(f"{path}/{clip}{RGB_SUFFIX}")
        and not exists(f"{path}/{clip}{SKELETON_SUFFIX}")
    )
