"""How often the hostile tests try, and what they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest


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
