"""NTU names: clips `SsssCcccPpppRrrrAaaa`, samples `...Ffff` (frame from 1), rigs `SsssCccc`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hcmoco_bench.errors import DataError

_CLIP = re.compile(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", re.ASCII)
_SAMPLE = re.compile(_CLIP.pattern + r"F(\d{3,})", re.ASCII)


@dataclass(frozen=True, order=True)
class Rig:
    """One setup seen by one camera; all its clips share one pair of cameras."""

    setup: int
    camera: int

    def __str__(self) -> str:
        return f"S{self.setup:03d}C{self.camera:03d}"


@dataclass(frozen=True, order=True)
class ClipName:
    """The five numbers of a clip; sorts as its text does."""

    setup: int
    camera: int
    performer: int
    replication: int
    action: int

    @classmethod
    def parse(cls, text: str) -> ClipName:
        """Read `SsssCcccPpppRrrrAaaa`; raises DataError for anything else."""
        match = _CLIP.fullmatch(text)
        if match is None:
            raise DataError(f"{text!r} is not a clip name of the form SsssCcccPpppRrrrAaaa")
        return cls(*map(int, match.groups()))

    @classmethod
    def search(cls, text: str) -> ClipName | None:
        """Find the first clip name inside a file name; None if there is none."""
        match = _CLIP.search(text)
        return None if match is None else cls(*map(int, match.groups()))

    @property
    def rig(self) -> Rig:
        """The setup and camera of the clip."""
        return Rig(self.setup, self.camera)

    def __str__(self) -> str:
        return f"S{self.setup:03d}C{self.camera:03d}P{self.performer:03d}R{self.replication:03d}A{self.action:03d}"


@dataclass(frozen=True, order=True)
class SampleId:
    """One frame of a clip; `frame` counts from 1, so array index and skeleton index are `frame - 1`."""

    clip: ClipName
    frame: int

    @classmethod
    def parse(cls, text: str) -> SampleId:
        """Read `SsssCcccPpppRrrrAaaaFfff`; raises DataError for anything else, frame 0 included."""
        match = _SAMPLE.fullmatch(text)
        if match is None or int(match[6]) < 1:
            raise DataError(f"{text!r} is not a sample id of the form SsssCcccPpppRrrrAaaaFfff with frames from 1")
        numbers = [int(group) for group in match.groups()]
        return cls(ClipName(*numbers[:5]), numbers[5])

    def __str__(self) -> str:
        return f"{self.clip}F{self.frame:03d}"
