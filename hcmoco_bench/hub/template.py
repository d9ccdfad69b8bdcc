"""The little template language of `DATASET_CARD.md`, strict in both directions."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECTION = re.compile(r"^\{\{([#^])([a-z0-9_]+)\}\}\n(.*?)^\{\{/\2\}\}\n", re.MULTILINE | re.DOTALL)
_VALUE = re.compile(r"\{\{([a-z0-9_]+)\}\}")

PLACEHOLDER = re.compile(r"\{\{[#^/]?[a-z0-9_]+\}\}")
"""Anything that is still to be filled; a rendered text has none."""


def render_template(template: str, values: Mapping[str, str], flags: Mapping[str, bool]) -> str:
    """Fill a template.

    `{{name}}` becomes the value of that name. Lines between `{{#flag}}` and `{{/flag}}`, each on a line of its own,
    stay if the flag is set, those after `{{^flag}}` if it is not; sections may lie inside others.

    Raises:
        KeyError: If the template names a value or flag that is not given.
        ValueError: If a section is not closed.
    """

    def section(match: re.Match[str]) -> str:
        kind, name, body = match.groups()
        return _SECTION.sub(section, body) if flags[name] == (kind == "#") else ""

    text = _SECTION.sub(section, template)
    # Values may hold anything, so they are put in last and not looked at again.
    if unclosed := re.search(r"\{\{[#^/][a-z0-9_]+\}\}", text):
        raise ValueError(f"the template's section {unclosed[0]} is not closed or not on a line of its own")
    filled = _VALUE.sub(lambda match: values[match[1]], text)
    return re.sub(r"\n{3,}", "\n\n", filled)
