"""What the verification of a store says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    """One thing that is wrong.

    Attributes:
        file: File name inside the store.
        sample_id: The sample or image concerned, or an empty string.
        reason: What was found, and what should be there.
    """

    file: str
    sample_id: str
    reason: str


@dataclass(frozen=True)
class Verification:
    """What a verification looked at, and what it found.

    Attributes:
        shards: Number of shards.
        rows: Number of rows read.
        failures: All of them, not only the first.
    """

    shards: int
    rows: int
    failures: tuple[Failure, ...]

    @property
    def passed(self) -> bool:
        """True if nothing is wrong."""
        return not self.failures


@dataclass
class ShardFindings:
    """What the check of one shard found.

    Attributes:
        ids: Keys of the rows, in order.
        other_ids: Ids inside the rows, e.g. of people, in order.
        counts: Sums of the kind's `counts` over the rows, by name.
        failures: What is wrong with the file and its rows.
    """

    ids: list[str] = field(default_factory=list)
    other_ids: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
