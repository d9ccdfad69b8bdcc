"""What to say about a name that is not known: the names it may have been meant for."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_CUTOFF = 0.5


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`did you mean A or B?` for names that resemble others, else `there are A, B, ...`; for the end of a message."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=_CUTOFF)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(names)}" if names else "there are none"
