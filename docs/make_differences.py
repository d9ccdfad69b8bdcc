"""Writes the table of settings into `docs/differences.md`: `python docs/make_differences.py`.

The rows are what the settings declare of themselves (`Published` in `hcmoco_bench/runtime/settings.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path

from generated_table import with_table

from hcmoco_bench.pretrain.registry import get_method, method_names
from hcmoco_bench.runtime.settings import Settings, describe_settings
from hcmoco_bench.tasks.core.registry import get_task, task_names

PAGE = Path(__file__).resolve().parent / "differences.md"


def models() -> dict[str, type[Settings]]:
    """The settings of every method and task of this package by name, methods first."""
    found: dict[str, type[Settings]] = {name: get_method(name).settings for name in method_names()}
    found |= {name: get_task(name).settings for name in task_names()}
    return {name: model for name, model in found.items() if model.__module__.startswith("hcmoco_bench.")}


def table() -> str:
    """The rows of all methods and tasks as a Markdown table; equal ones of several are one."""
    users: dict[tuple[str, str, str, str], list[str]] = {}
    for name, model in models().items():
        for record in describe_settings(model):
            if record.published:
                users.setdefault((record.name, record.default, record.published, record.why), []).append(name)
    lines = ["| setting | of | here | published code | why |", "|---|---|---|---|---|"]
    for (setting, default, published, why), names in users.items():
        of = ", ".join(f"`{name}`" for name in names)
        lines.append(f"| `{setting}` | {of} | {default or 'none'} | {published} | {why} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table of today between its marks."""
    return with_table(text, "settings", table())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE}\n")
