"""Writes the table of formats in `docs/checkpoints.md`: `python docs/make_checkpoints.py`."""

from __future__ import annotations

from pathlib import Path

from generated_table import with_table

from hcmoco_bench.models.foreign.format import Network
from hcmoco_bench.models.foreign.table import format_table
from hcmoco_bench.tasks.core.registry import get_task, task_names

PAGE = Path(__file__).resolve().with_name("checkpoints.md")


def tasks_with(network: Network) -> list[str]:
    """The tasks whose model is a network."""
    return [name for name in task_names() if get_task(name).network == network]


def page(text: str) -> str:
    """The page with the table of today."""
    return with_table(text, "formats", format_table(tasks_with))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
