"""The samples that all rows of a table share, in one order, and the groups that the bootstrap draws."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

from hcmoco_bench.errors import UsageError
from hcmoco_bench.files.hashing import json_sha256
from hcmoco_bench.leaderboard.ties.scoring import SINGLE_SAMPLES
from hcmoco_bench.results.evidence import Evidence, require_distinct
from hcmoco_bench.results.resampling import GroupDraws


@dataclass(frozen=True)
class Samples:
    """The samples of a table.

    Attributes:
        ids: Distinct ids, sorted.
        groups: Group of each; None if every sample stands for itself.
        grouped_by: What a group is, in the plural; `samples` if every sample stands for itself.
    """

    ids: tuple[str, ...]
    groups: tuple[Hashable, ...] | None
    grouped_by: str

    @classmethod
    def of(cls, ids: Sequence[str], groups: Sequence[Hashable] | None, grouped_by: str) -> Samples:
        """The samples of an evidence file.

        A single group cannot be drawn from. Its samples are then drawn one by one, as the intervals of results do.

        Args:
            ids: Ids of the samples, in any order.
            groups: Group of each, in the same order; None if every sample stands for itself.
            grouped_by: What a group is, in the plural.

        Raises:
            DataError: If a sample comes twice (`duplicate_ids`).
            UsageError: If there are more or fewer groups than samples.
        """
        require_distinct(ids, "evidence")
        if groups is not None and len(groups) != len(ids):
            raise UsageError(f"{len(groups)} groups for {len(ids)} samples; give the group of each")
        order = sorted(range(len(ids)), key=ids.__getitem__)
        names = tuple(ids[place] for place in order)
        if groups is None or len(set(groups)) < 2:
            return cls(names, None, SINGLE_SAMPLES)
        return cls(names, tuple(groups[place] for place in order), grouped_by)

    def draws(self, n: int, seed: int) -> GroupDraws:
        """The draws that all rows share. Raises DataError (`nothing_scored`) without any sample."""
        return GroupDraws.of(len(self.ids), self.groups, n=n, seed=seed)

    @cached_property
    def sha256(self) -> str:
        """Fingerprint of the ids and of which of them belong together; names of groups do not matter."""
        number: dict[Hashable, int] = {}
        places = None if self.groups is None else [number.setdefault(one, len(number)) for one in self.groups]
        return json_sha256([self.ids, places])

    def align(self, evidence: Evidence, name: str, other: str) -> Evidence:
        """Evidence with its samples in the order of `ids`.

        Args:
            evidence: Evidence of a row.
            name: Name of that row.
            other: Name of the row that `ids` come from.

        Raises:
            UsageError: If it is of other samples; says how many only one has.
            DataError: If a sample comes twice (`duplicate_ids`).
        """
        if evidence.sample_ids == self.ids:
            return evidence
        require_distinct(evidence.sample_ids, f"evidence of {name}")
        mine, theirs = set(self.ids), set(evidence.sample_ids)
        if mine != theirs:
            raise UsageError(
                f"results on different samples cannot be compared in pairs: {len(theirs - mine)} only in {name}, "
                f"{len(mine - theirs)} only in {other}; evaluate both on the same split"
            )
        return evidence.select(sorted(range(len(evidence)), key=evidence.sample_ids.__getitem__))
