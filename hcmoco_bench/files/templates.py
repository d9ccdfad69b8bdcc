"""The packaged text templates (cards, pages), in Jinja2 and strict: what a template names must be given."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from hcmoco_bench.files.json import json_text


def render_template(path: Path, facts: Mapping[str, Any]) -> str:
    """Fill a template.

    Values are escaped in `.html` templates and left as they are in all others, which must not be served as HTML. Tags
    that stand alone on a line leave no empty line behind. Three filters are added to Jinja2's own: `thousands` writes
    1234567 as `1,234,567`, `setting` writes a value as it is typed in a settings file, but texts without quotes, and
    `cell` makes a text fit into one cell of a Markdown table.

    Args:
        path: The template; others of its folder may be included by name.
        facts: What the template names.

    Raises:
        jinja2.UndefinedError: If the template uses a name or an attribute that is not given.
        jinja2.TemplateSyntaxError: If the template is not well formed.
    """
    return _environment(path.parent).get_template(path.name).render(facts)


@lru_cache(maxsize=4)
def _environment(folder: Path) -> Environment:
    """The environment of a folder; it keeps its templates compiled, and reads one again when its file has changed."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"thousands": _thousands, "setting": _setting, "cell": _cell}
    return environment


def _thousands(number: int) -> str:
    return f"{number:,}"


def _setting(value: object) -> str:
    return value if isinstance(value, str) else json_text(value)


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|")
