"""What a running pre-training tells its user."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Notice:
    """Something that a user should know while a run goes on, before it has cost days.

    Attributes:
        kind: What it is about; the same as long as it goes on, whatever the numbers are.
        sentence: What is seen, and what can be done.
    """

    kind: str
    sentence: str


class NoticeBoard:
    """Hands on each kind of notice once, and again when it comes back after it was gone.

    Args:
        tell: Takes the sentences.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._shown: frozenset[str] = frozenset()

    def show(self, notices: Iterable[Notice]) -> None:
        """Take what is to be noticed now."""
        found = {notice.kind: notice.sentence for notice in notices}
        for kind, sentence in found.items():
            if kind not in self._shown:
                self._tell(sentence)
        self._shown = frozenset(found)
