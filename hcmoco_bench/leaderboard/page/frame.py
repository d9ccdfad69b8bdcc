"""What every page has around its content: style and script inside the page, and the policy that allows only them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from markupsafe import Markup

from hcmoco_bench import __version__

TEMPLATES: Final = Path(__file__).parent / "templates"

MOST_SCRIPT_BYTES: Final = 25_000
"""Scripts of the site may have so many bytes together."""

BOARD_SCRIPTS: Final = ("dom.js", "table.js", "copy.js", "confirm.js")
MODEL_SCRIPTS: Final = ("dom.js", "sha256.js", "evidence.js", "scores.js", "recompute.js")


@dataclass(frozen=True)
class Frame:
    """The parts that pages of a kind share.

    Attributes:
        policy: Content-Security-Policy; it allows this style and this script, by their hashes, and no request.
        style: CSS.
        script: JavaScript; empty for pages without.
        version: Version of this package.
    """

    policy: str
    style: Markup
    script: Markup
    version: str


def make_frame(scripts: Sequence[str] = (), *, frames: bool = False) -> Frame:
    """The frame of pages with these scripts of the templates' folder.

    Args:
        scripts: File names, in the order in which they run.
        frames: Whether the pages may show other pages of the site in frames.
    """
    style = _source("page.css")
    script = '"use strict";\n' + "".join(map(_source, scripts)) if scripts else ""
    policy = [
        "default-src 'none'",
        f"style-src {_allowed(style)}",
        f"script-src {_allowed(script)}" if scripts else "script-src 'none'",
        "img-src data:",
        *(["frame-src 'self' file:"] if frames else []),
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return Frame("; ".join(policy), Markup(style), Markup(script), __version__)


def _source(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _allowed(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
