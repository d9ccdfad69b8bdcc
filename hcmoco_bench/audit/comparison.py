"""What two sets of samples share by name: samples, clips, people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hcmoco_bench.audit.sets import AuditedSet, Experiment, Material, Role


@dataclass(frozen=True)
class Shared:
    """Things that two sets share.

    Attributes:
        noun: What they are, in the plural.
        names: Their names, sorted.
        first_samples: Number of samples of the first set that show one of them.
        second_samples: Number of samples of the second set that do.
    """

    noun: str
    names: tuple[str, ...]
    first_samples: int
    second_samples: int


@dataclass(frozen=True, eq=False)
class SetPair:
    """Two sets that are compared.

    Attributes:
        first: What is learned from.
        second: What should be new to whoever learned from `first`.
        leaks: Whether samples, clips and near-duplicates that both share are a leak, and not information alone.
        people_leak: Whether people are.
    """

    first: AuditedSet
    second: AuditedSet
    leaks: bool
    people_leak: bool

    @property
    def same_names(self) -> bool | None:
        """Whether names of both mean the same people and clips; None where nobody can tell."""
        return self.first.population.is_same(self.second.population)


_PAIRS: tuple[tuple[Role, Role], ...] = (
    ("pre-training", "test"),
    ("unlabeled pairs", "test"),
    ("training", "test"),
    ("pre-training", "training"),
    ("unlabeled pairs", "training"),
)
"""What is compared. A model may know its training set, unless a modality of it is hidden."""


def set_pairs(material: Material) -> list[SetPair]:
    """The pairs of sets to compare, each once, in the order of the roles."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], SetPair] = {}
    experiments = material.experiments or [Experiment()]
    for first_role, second_role in _PAIRS:
        for experiment in experiments:
            sets = [*material.pretraining, *experiment.sets]
            for first in (one for one in sets if one.role == first_role):
                for second in (one for one in sets if one.role == second_role):
                    shows = experiment.hides not in ("nothing", first.hides)
                    leaks = second_role == "test" or shows
                    key = (first.identity, second.identity)
                    if key not in found or (leaks and not found[key].leaks):
                        found[key] = SetPair(first, second, leaks, second_role == "test")
    return list(found.values())


def shared_samples(pair: SetPair) -> Shared | None:
    """Samples of the same id; None where samples are whole images, which `shared_clips` tells."""
    first, second = pair.first.names, pair.second.names
    if (first.ids, second.ids) == (first.clips, second.clips):
        return None
    return _shared("samples", first.ids, second.ids)


def shared_clips(pair: SetPair) -> Shared:
    """Clips, videos or images of the same name."""
    return _shared(pair.second.names.clip_noun, pair.first.names.clips, pair.second.names.clips)


def shared_people(pair: SetPair) -> Shared | None:
    """People of the same name; None where nobody can tell who is shown."""
    first, second = pair.first.names.people, pair.second.names.people
    return None if first is None or second is None else _shared(pair.second.names.people_noun, first, second)


def _shared(noun: str, first: Sequence[str], second: Sequence[str]) -> Shared:
    both = {*first} & {*second}
    counts = [sum(name in both for name in names) for names in (first, second)]
    return Shared(noun, tuple(sorted(both)), *counts)
