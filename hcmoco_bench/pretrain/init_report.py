"""What a run says about the checkpoint that it began with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InitReport:
    """What a run took from the checkpoint that it began with.

    Attributes:
        source: The file and the program that wrote it.
        taken: What was taken, in words.
        left: What was left, with the reason where it is not plain.
    """

    source: str
    taken: tuple[str, ...]
    left: tuple[str, ...]
