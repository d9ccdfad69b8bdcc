"""What is odd about printed figures, as it is found and as files declare it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from hcmoco_bench.leaderboard.published.schema import FindingKind, PublishedTable

MEANINGS: Final[Mapping[FindingKind, str]] = {
    "range": "a percentage lies outside 0 to 100",
    "mean": "the printed mean is not that of the printed classes, beyond rounding",
    "order": "two figures of one model cannot be in this order (AP above AP50, mIoU above mAcc, ...)",
    "count": "a share of a known number of people is no whole number of them",
    "rounding": "two tables print figures of one run that differ by one in the last digit",
    "differs": "figures of one run differ by more than rounding",
    "exchanged": "two tables print the same two figures of one run at exchanged shares of the training data",
    "repeats": "a row repeats figures that belong to another run",
    "coincides": "rows of different runs agree in several figures, or a step of an ablation leaves one unchanged",
    "falls": "the main score falls although there is more training data",
}
"""What each kind of finding means."""


@dataclass(frozen=True)
class Finding:
    """Something odd about printed figures.

    Attributes:
        place: The row, `<file stem> row <number>`.
        kind: See `MEANINGS`.
        figures: Its figures that are concerned, `<block>:<column>`; `<block>:*` stands for all of a block.
        against: The row that they are held against, in the form of `place`; empty if there is none.
        message: What was found: as computed, or the note of the file that declares it.
    """

    place: str
    kind: FindingKind
    figures: tuple[str, ...]
    against: str
    message: str

    @property
    def identity(self) -> tuple[str, FindingKind, tuple[str, ...], str]:
        """What a computed finding and a declared one have to share."""
        return self.place, self.kind, tuple(sorted(self.figures)), self.against

    @property
    def position(self) -> tuple[str, int, FindingKind, str]:
        """Key by which findings are sorted: table, row, kind."""
        stem, _, number = self.place.rpartition(" row ")
        return stem, int(number), self.kind, self.against


def declared_findings(tables: Iterable[PublishedTable]) -> tuple[Finding, ...]:
    """What the files of some tables declare as odd, beside their rows; sorted by place."""
    found = [
        Finding(f"{table.stem} row {number}", one.kind, one.figures, one.against, one.note)
        for table in tables
        for number, row in enumerate(table.row, 1)
        for one in row.finding
    ]
    return tuple(sorted(found, key=lambda finding: finding.position))
