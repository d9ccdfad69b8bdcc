"""The table of checkpoints from elsewhere is the registry's, and the page's example runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hcmoco_bench.models.foreign.registry import all_formats
from hcmoco_bench.models.weight_files import read_checkpoint

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="module")
def maker(docs_program: Callable[[str], ModuleType]) -> Any:
    return docs_program("make_checkpoints")


def test_the_table_is_up_to_date(maker: Any) -> None:
    text = (DOCS / "checkpoints.md").read_text("utf-8")
    assert text == maker.page(text), "run `python docs/make_checkpoints.py`"
    for form in all_formats():
        assert f"| {form.program} | {form.files} | " in text


def test_every_format_says_what_it_is() -> None:
    for form in all_formats():
        assert all((form.name, form.program, form.files, form.takes, form.leaves, form.source)), form.name
        assert form.network is not None or form.encoders, form.name


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (DOCS / "checkpoints.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "checkpoints.md", "exec"), {})  # the page's own code
    assert "model.last_layer.0.weight" in read_checkpoint(tmp_path / "best.pth")
