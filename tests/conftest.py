"""Fixtures shared by all tests: folders with reference files, and small generated trees made once per run."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

# Two workers share two cores: one thread each, also in the processes that tests start, is the fastest.
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = (
    "generated_trees",
    "generated_itop",
    "generated_photographs",
    "generated_shape",
    "parsing_stores",
    "pose2d_stores",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add how often the hostile tests try."""
    parser.addoption(
        "--hostile-trials", type=int, default=2, help="harmed files of each kind for each reader (default: 2)"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the hostile tests counted, in whatever process."""
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, count in getattr(report, "user_properties", ()):
                if str(name).startswith("hostile "):
                    sums[str(name).removeprefix("hostile ")] += int(count)
    if sums:
        terminalreporter.section("hostile input")
        for name, count in sorted(sums.items()):
            terminalreporter.write_line(f"{name}: {count}")


_SHARED = Path(__file__).resolve().parents[2] / "shared"


def _reference_folder(variable: str, default: str) -> Path:
    folder = Path(os.environ.get(variable, _SHARED / default))
    if not folder.is_dir():
        message = f"{folder} is missing; set {variable} to a folder with such files"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def official_lists() -> Path:
    """The folder with the published sample lists."""
    return _reference_folder("HCMOCO_BENCH_LISTS", "official-lists")


@pytest.fixture(scope="session")
def real_files() -> Path:
    """The folder with a few real files (`ntu/`, `mpii/`, `coco/`)."""
    return _reference_folder("HCMOCO_BENCH_REAL", "real")


@pytest.fixture(scope="session")
def oracle() -> Path:
    """The folder with reference results of the published implementations."""
    return _reference_folder("HCMOCO_BENCH_ORACLE", "oracle")
