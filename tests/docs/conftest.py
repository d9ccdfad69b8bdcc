"""The programs that write pages of the documentation, as modules."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.fixture(scope="session")
def docs_program() -> Callable[[str], ModuleType]:
    """A program of `docs/` by its name."""

    def load(name: str) -> ModuleType:
        sys.path.insert(0, str(DOCS))
        try:
            return import_module(name)
        finally:
            sys.path.remove(str(DOCS))

    return load
