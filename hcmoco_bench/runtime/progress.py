"""How library functions report progress: one callable, so that a bar, a log or nothing can listen."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the step's label, how much is done and, when known, how much there is."""

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """Report; must be cheap, and is called again with `done == total` at the end of a step."""
        ...


def no_progress(label: str, done: int, total: int | None) -> None:
    """The listener that ignores everything."""
