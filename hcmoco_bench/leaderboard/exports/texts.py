"""Names of rows, which may come from anywhere, as other programs can take them."""

from __future__ import annotations

import hashlib
from typing import Final

from hcmoco_bench.files.outside_text import printable
from hcmoco_bench.leaderboard.slug import slug_of

_LONGEST: Final = 100
"""Characters of a name in a path; file systems take 255 bytes with all that is added."""

_ENTITIES: Final = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_MARKUP: Final = frozenset("\\`*_[](){}|~!#:@$^=")


def shown(text: str) -> str:
    """Text for other programs: without control characters and marks that turn the direction of writing."""
    return printable(text)


def path_name(text: str) -> str:
    """Text as one name in a path: lower-case letters, digits and dashes; long ones are cut and end in their hash.

    Text without a single letter or digit becomes the beginning of its SHA-256.
    """
    slug = slug_of(text)
    if slug and len(slug) <= _LONGEST:
        return slug
    code = hashlib.sha256(shown(text).encode()).hexdigest()[:12]
    return f"{slug[: _LONGEST - 13].rstrip('-')}-{code}" if slug else code


def markdown_text(text: str) -> str:
    """Text for one cell of a Markdown table: nothing in it becomes markup, a link or a further cell."""
    line = " ".join(shown(text).split())
    escaped = "".join(_ENTITIES.get(letter) or (f"\\{letter}" if letter in _MARKUP else letter) for letter in line)
    return escaped.replace("www.", "www\\.")
