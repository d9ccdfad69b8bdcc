"""How often the hostile tests try, and what they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

COUNTED = ("tried", "refused", "harmless", "unnoticed, by formats without checksums", "good samples kept")


@pytest.fixture
def trials(pytestconfig: pytest.Config) -> int:
    """Seeds for each reader and kind of harm."""
    return int(pytestconfig.getoption("--hostile-trials"))


@pytest.fixture
def tally(record_property: pytest.RecordProperty) -> Iterator[Counter[str]]:
    """Counts of what happened; they go with the test's report to the summary, from whatever process."""
    counts: Counter[str] = Counter()
    yield counts
    for name, count in counts.items():
        record_property(f"hostile {name}", count)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the sums."""
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
