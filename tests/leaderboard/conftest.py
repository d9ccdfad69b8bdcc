"""Fixtures of the leaderboard's tests: a browser, a small site, and results of two programs, each made once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from leaderboard_results import write_predictions, write_result

if TYPE_CHECKING:
    from page_site import SmallSite
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A headless Chromium of the system; without one the tests are skipped, and fail in CI."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        message = f"no browser is found; install one of {', '.join(_NAMES)} (`make browser` does on Debian)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from page_site import PLAIN_HOST
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found, args=[*_QUIET, f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1"]
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> SmallSite:
    """A site with tables of every kind, written once."""
    from page_site import write_small_site

    return write_small_site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="session")
def made(parsing_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions and results of two programs; tests copy what they change."""
    folder = tmp_path_factory.mktemp("made")
    for name, wrong in (("good", 0.1), ("worse", 0.3)):
        masks = write_predictions(parsing_store, folder / f"{name}-masks", wrong=wrong)
        write_result(parsing_store, masks, folder / name / "result.json", name=name)
    write_result(
        parsing_store, folder / "good-masks", folder / "published" / "result.json", name="good", protocol="published"
    )
    return folder


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """Copies of the results, to be changed."""
    for name in ("good", "worse", "published"):
        shutil.copytree(made / name, tmp_path / name)
    return tmp_path


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """Folder of a leaderboard that is not there yet."""
    return tmp_path / "board"
