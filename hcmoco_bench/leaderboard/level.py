"""How far a row's figures have been checked. A level is what checks found, never what a file says of itself."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from hcmoco_bench.errors import UsageError
from hcmoco_bench.runtime.near_names import did_you_mean


class Level(IntEnum):
    """Levels in the order of how much they settle; all but `PAPER`, which nobody here can check, include `EVIDENCE`."""

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
        """The level of a word; raises UsageError for any other."""
        words = {one.word: one for one in cls}
        if word not in words:
            raise UsageError(f"there is no level {word!r}; {did_you_mean(word, words)}")
        return words[word]


MEANINGS: Final = {
    Level.PAPER: "copied from a publication, which has no evidence to check it by",
    Level.EVIDENCE: "score, interval and counts follow from the per-sample evidence",
    Level.LABELS: "the samples are those of the split, and the labels in the evidence are those of the data",
    Level.PREDICTIONS: "scoring the deposited predictions again on the data gives the same evidence",
    Level.WEIGHTS: "running the deposited weights again on the data gives the same evidence",
    Level.TRAINED_AGAIN: "somebody else trained the model again and got the same score within its uncertainty",
}
"""What each level says of a row, as a phrase."""
