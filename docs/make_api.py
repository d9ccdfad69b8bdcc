"""Writes `docs/api.md` from the public names and their docstrings: `python docs/make_api.py`.

The names and the headings are those of `hcmoco_bench/__init__.pyi`; the examples are the files of `docs/examples/`,
which a test runs as they are.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import hcmoco_bench

DOCS = Path(__file__).resolve().parent
STUB = Path(hcmoco_bench.__file__).with_suffix(".pyi")

_SECTIONS = ("Args", "Returns", "Yields", "Raises", "Attributes")


def public_names() -> dict[str, list[str]]:
    """The public names by subject, in the order of the stub."""
    subjects: dict[str, list[str]] = {}
    subject = ""
    for line in STUB.read_text("utf-8").splitlines():
        if line.startswith("# ") and not line.startswith("# ruff"):
            subject = line.removeprefix("# ")
        elif line.startswith("from .") and subject:
            node = ast.parse(line).body[0]
            if isinstance(node, ast.ImportFrom):
                subjects.setdefault(subject, []).extend(alias.name for alias in node.names)
    return subjects


def page() -> str:
    """The page's text."""
    parts = [
        "# Python API",
        "",
        "<!-- Written by docs/make_api.py from the docstrings; edit those. -->",
        "",
        "Everything here can be imported from `hcmoco_bench`. A name's module is loaded when the name is first used,",
        "so `import hcmoco_bench` takes no time. The command line calls the same functions.",
        "",
    ]
    for subject, names in public_names().items():
        parts += [f"## {subject}", ""]
        example = DOCS / "examples" / f"{_slug(subject)}.py"
        if example.is_file():
            parts += ["```python", example.read_text("utf-8").strip(), "```", ""]
        for name in names:
            parts += _entry(name, getattr(hcmoco_bench, name))
    return "\n".join(parts).rstrip() + "\n"


def _slug(subject: str) -> str:
    return re.split(r"\W", subject.lower())[0]


def _entry(name: str, thing: Any) -> list[str]:
    kind = "class " if inspect.isclass(thing) else ""
    lines = [f"### {kind}`{name}`", ""]
    if not inspect.isclass(thing) and callable(thing):
        lines += ["```python", f"{name}{_signature(thing)}", "```", ""]
    lines += [*_markdown(inspect.getdoc(thing) or ""), ""]
    lines += [f"Defined in `{getattr(thing, '__module__', 'hcmoco_bench')}`.", ""]
    return lines


def _signature(thing: Any) -> str:
    signature = inspect.signature(thing)
    words = [_parameter(parameter) for parameter in signature.parameters.values()]
    keyword_only = False
    shown = []
    for parameter, word in zip(signature.parameters.values(), words, strict=True):
        if parameter.kind is parameter.KEYWORD_ONLY and not keyword_only:
            keyword_only = True
            shown.append("*")
        shown.append(word)
    inside = ", ".join(shown)
    written = f"({inside})" if len(inside) < 80 else "(\n    " + ",\n    ".join(shown) + ",\n)"
    returned = str(signature.return_annotation).replace("hcmoco_bench.", "").replace("'", "")
    return written if signature.return_annotation is signature.empty else f"{written} -> {returned}"


def _parameter(parameter: inspect.Parameter) -> str:
    """A parameter as its source writes it: a function that is a default by its name, annotations without quotes."""
    bare = str(parameter.replace(default=parameter.empty)).replace("'", "").replace("hcmoco_bench.", "")
    default = parameter.default
    if default is parameter.empty:
        return bare
    named = inspect.isroutine(default) or inspect.isclass(default)
    return f"{bare} = {default.__name__ if named else repr(default)}"


def _markdown(doc: str) -> list[str]:
    """A Google-style docstring as Markdown: sections in bold, their entries as a list."""
    lines: list[str] = []
    section = ""
    for line in doc.splitlines():
        title = line.strip().removesuffix(":")
        if line and not line.startswith(" ") and title in _SECTIONS and line.endswith(":"):
            section = title
            lines += [f"**{section}**", ""]
            continue
        if line and not line.startswith(" "):
            section = ""
        entry = re.match(r"    (\w[\w.]*): (.*)", line)
        if section and entry:
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif section and line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            lines.append(line)
    return lines


if __name__ == "__main__":
    target = DOCS / "api.md"
    target.write_text(page(), "utf-8")
    sys.stdout.write(f"{target}\n")
