"""The tables of conventions are those of the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from hcmoco_bench.metrics.pose_conventions import publications

PAGE = Path(__file__).resolve().parents[2] / "docs" / "pose-conventions.md"


def test_the_tables_are_up_to_date(docs_program: Callable[[str], ModuleType]) -> None:
    text = PAGE.read_text("utf-8")
    assert text == docs_program("make_pose_conventions").page(text), "run `python docs/make_pose_conventions.py`"
    for one in publications():
        assert f"| {one.title} | {one.data} | " in text
