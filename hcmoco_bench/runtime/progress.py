"""How library functions report progress: one callable, so that a bar, a log or nothing can listen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, Protocol


class Progress(Protocol):
    """Called with the step's label, how much is done and, when known, how much there is."""

    def __call__(self, label: str, done: int, total: int | None) -> None:
        """Report; must be cheap, and is called again with `done == total` at the end of a step."""
        ...


def no_progress(label: str, done: int, total: int | None) -> None:
    """The listener that ignores everything."""


_CURRENT: Final[ContextVar[Progress]] = ContextVar("progress", default=no_progress)


@contextmanager
def listening(progress: Progress) -> Iterator[None]:
    """Let a listener hear steps to which no argument reaches, because an interface that others implement has none."""
    token = _CURRENT.set(progress)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current_progress() -> Progress:
    """The listener of the innermost `listening`, or one that ignores everything."""
    return _CURRENT.get()
