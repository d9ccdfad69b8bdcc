"""Splits: ordered sample ids with a rule and a fingerprint, derived from the two published v2 lists and v3's.

Declared in `annotations/splits.toml`; the rules are

* `list`: the lines of one published list, in its order;
* `uniform`: items 0, k, 2k, ... of another split, up to floor(n / k) of them, with k = 100 / percent;
* `subjects`: all frames of two other splits re-split with no performer on both sides (`subject_disjoint`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.sources.ntu.names import SampleId


@dataclass(frozen=True)
class Split:
    """A named, ordered set of samples.

    Attributes:
        name: E.g. `train`, `train_20`, `v3_test`, `subjects_train`.
        rule: How it is made, in one phrase.
        ids: Sample ids in the split's order, without duplicates.
    """

    name: str
    rule: str
    ids: tuple[SampleId, ...]

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of the ids."""
        return fingerprint(self.ids)


def subject_disjoint(
    train: Sequence[SampleId], test: Sequence[SampleId]
) -> tuple[tuple[SampleId, ...], tuple[SampleId, ...]]:
    """Re-split two lists with no performer on both sides.

    Whole performers are dealt to the two sides so that, in this order of importance, (1) the new training list's
    length is as near as possible to the old one's (the shorter of two equally near), (2) as many frames as possible
    stay on the side they were on, (3) performers with small numbers are in training. The result is unique and found
    exactly, by dynamic programming over performers and sizes. Both lists come back in sorted order.

    Args:
        train: The present training list.
        test: The present test list; shares no sample with `train`.
    """
    in_train = Counter(sample.clip.performer for sample in train)
    in_test = Counter(sample.clip.performer for sample in test)
    performers = sorted(in_train.keys() | in_test.keys())
    # best[size] = (frames that stay, membership as bits; a higher bit is a smaller performer number)
    best: dict[int, tuple[int, int]] = {0: (0, 0)}
    for position, performer in enumerate(performers):
        size = in_train[performer] + in_test[performer]
        bit = 1 << (len(performers) - 1 - position)
        grown: dict[int, tuple[int, int]] = {}
        for total, (stays, members) in best.items():
            for option in (
                (total + size, stays + in_train[performer], members | bit),
                (total, stays + in_test[performer], members),
            ):
                if option[1:] > grown.get(option[0], (-1, -1)):
                    grown[option[0]] = option[1:]
        best = grown
    target = len(train)
    total = min(best, key=lambda size: (abs(size - target), size))
    members = best[total][1]
    chosen = {
        performer for position, performer in enumerate(performers) if members >> (len(performers) - 1 - position) & 1
    }
    samples = sorted({*train, *test})
    return (
        tuple(sample for sample in samples if sample.clip.performer in chosen),
        tuple(sample for sample in samples if sample.clip.performer not in chosen),
    )
