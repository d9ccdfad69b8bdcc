"""How far a row's figures have been checked. A level is what checks found, never what a file says of itself."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Level(IntEnum):
    """Levels, each of which includes those below it; `PAPER` stands apart, for figures that nobody here can check."""

    PAPER = 0
    EVIDENCE = 1
    LABELS = 2
    PREDICTIONS = 3
    WEIGHTS = 4
    TRAINED_AGAIN = 5

    @property
    def word(self) -> str:
        """The level as tables and options write it, e.g. `trained-again`."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def of(cls, word: str) -> Level:
        """The level of a word; raises KeyError for any other."""
        return {one.word: one for one in cls}[word]


MEANINGS: Final = {
    Level.PAPER: "copied from a publication, which has no evidence to check it by",
    Level.EVIDENCE: "score, interval and counts follow from the per-sample evidence",
    Level.LABELS: "also, the samples are those of the split, and the labels in the evidence are those of the data",
    Level.PREDICTIONS: "also, scoring the deposited predictions again gives the same evidence",
    Level.WEIGHTS: "also, running the deposited weights again gives the same evidence",
    Level.TRAINED_AGAIN: "also, somebody else trained the model again and got the same score within its uncertainty",
}
"""What each level says of a row, as a phrase."""
