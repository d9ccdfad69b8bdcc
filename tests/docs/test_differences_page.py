"""The table of differences from the published code is what the settings say of themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def page(docs_program: Callable[[str], ModuleType]) -> Any:
    return docs_program("make_differences")


def test_page_is_up_to_date(page: Any) -> None:
    text = (DOCS / "differences.md").read_text("utf-8")
    assert text == page.page(text), "run `python docs/make_differences.py`"
    assert text.count("| `") > 10
    assert page.page(text.replace(page.table(), "")) == text


def test_every_difference_has_its_reason(page: Any) -> None:
    for name, model in page.models().items():
        for record in page.describe_settings(model):
            if record.published:
                assert record.published != record.default, f"{name}: {record.name} departs from nothing"
                assert record.why.endswith("."), f"{name}: {record.name} has no reason"
