"""Texts as parts of file names and addresses."""

from __future__ import annotations

import re


def slug_of(text: str) -> str:
    """The text as lower-case letters, digits and single dashes; empty if it has no letter or digit of ASCII."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
