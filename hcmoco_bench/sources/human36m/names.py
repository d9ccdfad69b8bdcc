"""Names of Human3.6M's recordings and frames."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.sources.human36m.layout import OTHER_NAMES, TEST_SUBJECTS, TRAIN_SUBJECTS

_FILE = re.compile(r"(?P<action>[^._][^.]*)\.(?P<camera>\d+)")
_ID = re.compile(r"S(?P<subject>\d+)_(?P<action>[^._][^.]*)\.(?P<camera>\d+)_(?P<frame>\d{6})")
_ORDER = (*TRAIN_SUBJECTS, *TEST_SUBJECTS)


@dataclass(frozen=True)
class SequenceName:
    """One video: subject 1..11, action as in the file's name (`Directions 1`), camera (`54138969`)."""

    subject: int
    action: str
    camera: str

    @classmethod
    def of_file(cls, subject: int, stem: str) -> SequenceName | None:
        """From the name of a file without suffix; None for those that are no recording (`_ALL.54138969`)."""
        match = _FILE.fullmatch(stem)
        return None if match is None else cls(subject, storable(match["action"]), match["camera"])

    @property
    def kind(self) -> str:
        """The action without the number of its take, by the name of the published tables: `Photo`."""
        first = self.action.split(" ")[0]
        return OTHER_NAMES.get(first, first)

    @property
    def stem(self) -> str:
        """Name of its files without suffix."""
        return f"{self.action}.{self.camera}"

    def __str__(self) -> str:
        """As in `FrameId`; spaces are underscores, so that the id is a good file name."""
        return f"S{self.subject}_{self.action.replace(' ', '_')}.{self.camera}"

    def __lt__(self, other: SequenceName) -> bool:
        """The published lists' order: subjects 1 5 6 7 8 9 11, then file names."""
        return self._key < other._key

    @property
    def _key(self) -> tuple[int, int, str]:
        known = self.subject in _ORDER
        return (_ORDER.index(self.subject) if known else len(_ORDER), self.subject, self.stem)


@dataclass(frozen=True)
class FrameId:
    """One frame: `S1_Directions_1.54138969_000025`; frames count from 0, as in the published lists."""

    sequence: SequenceName
    frame: int

    def __str__(self) -> str:
        """The id, which `parse` reads back."""
        return f"{self.sequence}_{self.frame:06d}"

    @classmethod
    def parse(cls, text: str) -> FrameId:
        """Read an id; raises DataError of kind `id_garbled` for anything else."""
        match = _ID.fullmatch(text)
        if match is None:
            raise DataError(f"{text!r} is no frame of Human3.6M (S1_Directions_1.54138969_000025)", kind="id_garbled")
        name = SequenceName(int(match["subject"]), match["action"].replace("_", " "), match["camera"])
        return cls(name, int(match["frame"]))
