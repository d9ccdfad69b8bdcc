"""A checklist: what was looked at, what came out, and what that says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.outside_text import storable
from hcmoco_bench.leaderboard.level import Level

DECISIVE: Final = {
    Level.EVIDENCE: "scores",
    Level.LABELS: "labels of the data",
    Level.PREDICTIONS: "predictions",
    Level.WEIGHTS: "weights",
    Level.TRAINED_AGAIN: "score of the second training",
}
"""The line that a level stands for: without it other lines of the level say too little."""

Outcome = Literal["pass", "fail", "not applicable"]
LevelWord = Literal["evidence", "labels", "predictions", "weights", "trained-again"]


class CheckItem(BaseModel):
    """One line of a checklist.

    Attributes:
        level: The level that the check counts for.
        check: What was looked at, in a few words.
        outcome: pass, fail, or not applicable where there is nothing to look at.
        detail: What was found, in a sentence or a phrase.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    level: LevelWord
    check: Annotated[str, Field(min_length=1)]
    outcome: Outcome
    detail: str

    @field_validator("check", "detail")
    @classmethod
    def _storable(cls, value: str) -> str:
        return storable(value)


@dataclass(frozen=True)
class Checklist:
    """All lines of a check, in the order in which they were looked at."""

    items: tuple[CheckItem, ...]

    @property
    def failed(self) -> tuple[CheckItem, ...]:
        """The lines that fail."""
        return tuple(item for item in self.items if item.outcome == "fail")

    @property
    def earned(self) -> tuple[Level, ...]:
        """The levels whose decisive line passes, lowest first; none if any line fails."""
        if self.failed:
            return ()
        passed = {(item.level, item.check) for item in self.items if item.outcome == "pass"}
        return tuple(level for level, check in DECISIVE.items() if (level.word, check) in passed)

    @property
    def level(self) -> Level:
        """The highest level that is earned; `PAPER` if none is."""
        return max(self.earned, default=Level.PAPER)


class RowRefusedError(DataError):
    """A result fails checks, so it is no row.

    Attributes:
        checklist: Every line of the check.
    """

    def __init__(self, message: str, checklist: Checklist) -> None:
        super().__init__(message, kind="row_refused")
        self.checklist = checklist


@dataclass(frozen=True)
class Checker:
    """Makes the lines of one level."""

    level: Level

    def line(self, check: str, wrong: str | Iterable[str], right: str) -> CheckItem:
        """A line that fails with what is wrong, and passes with what is right if that is empty."""
        told = wrong if isinstance(wrong, str) else "; ".join(wrong)
        return self._item(check, "fail" if told else "pass", told or right)

    def skip(self, check: str, why: str) -> CheckItem:
        """A line that is not applicable."""
        return self._item(check, "not applicable", why)

    def _item(self, check: str, outcome: Outcome, detail: str) -> CheckItem:
        return CheckItem.model_validate(
            {"level": self.level.word, "check": check, "outcome": outcome, "detail": detail}
        )
