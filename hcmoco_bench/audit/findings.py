"""What an audit reports: shared names, near-duplicates, leaks of protocols, and what could not be looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

from hcmoco_bench.audit.comparison import Shared
from hcmoco_bench.audit.image_hashes import View
from hcmoco_bench.audit.sets import ProtocolFinding
from hcmoco_bench.files.problems import Problem

NOTHING_COMPARED: Final = "nothing_compared"
"""Kind of the problem line where there are no two sets to compare."""


@dataclass(frozen=True)
class NamedPair:
    """Two frames that look alike.

    Attributes:
        first: Name of the frame of the first set.
        second: Name of the frame of the second set.
        bits: Distance of their hashes, of 256.
        mirrored: Whether one is the mirror image of the other.
    """

    first: str
    second: str
    bits: int
    mirrored: bool


@dataclass(frozen=True)
class Duplicates:
    """Frames of two sets that look alike.

    Attributes:
        view: What of the frames was compared: the person, or the whole image.
        pairs: Number of pairs of frames of different clips.
        frames: Number of frames of the second set in these pairs.
        mirrored: Number of these pairs that are mirror images.
        named: The pairs, the most alike first; at most `audit.MOST_NAMED`.
        within_clips: Number of pairs within clips that both sets share, which are not in `pairs`.
        compared: Number of frames of each set that were compared.
    """

    view: View
    pairs: int
    frames: int
    mirrored: int
    named: tuple[NamedPair, ...]
    within_clips: int
    compared: tuple[int, int]


@dataclass(frozen=True)
class Comparison:
    """What two sets share.

    Attributes:
        first: Role of the first set.
        first_where: Where it is.
        first_samples: Number of its samples.
        second: Role of the second set.
        second_where: Where it is.
        second_samples: Number of its samples.
        leaks: Whether shared samples, clips and frames are a leak, and not information alone.
        people_leak: Whether shared people are.
        names: Whether names mean the same people and clips in both: `same`, `different` or `unknown`.
        samples: Shared samples; None where names do not mean the same, and where samples are whole images.
        clips: Shared clips, videos or images; None where names do not mean the same.
        people: Shared people; None likewise, and where nobody can tell who is shown.
        duplicates: Frames that look alike; None where frames were not compared.
    """

    first: str
    first_where: str
    first_samples: int
    second: str
    second_where: str
    second_samples: int
    leaks: bool
    people_leak: bool
    names: str
    samples: Shared | None
    clips: Shared | None
    people: Shared | None
    duplicates: Duplicates | None

    def found(self) -> list[tuple[str, int, bool]]:
        """What is shared, how many, and whether that is a leak; without what is not."""
        named = ((self.samples, self.leaks), (self.clips, self.leaks), (self.people, self.people_leak))
        found = [(one.noun, len(one.names), leaks) for one, leaks in named if one is not None and one.names]
        if self.duplicates is not None and self.duplicates.pairs:
            found.append(("near-duplicate frames (pairs)", self.duplicates.pairs, self.leaks))
        return found


@dataclass(frozen=True)
class Audit:
    """Everything that an audit found.

    Attributes:
        comparisons: Every two sets that were compared.
        protocols: What is known of the protocols.
        problems: What could not be looked at, a line each.
        images: Whether frames were to be compared.
    """

    comparisons: tuple[Comparison, ...]
    protocols: tuple[ProtocolFinding, ...]
    problems: tuple[Problem, ...]
    images: bool = True

    @property
    def leaks(self) -> tuple[str, ...]:
        """Each leak in a phrase."""
        told = [
            f"{noun} in both {one.first} and {one.second}: {count:,}"
            for one in self.comparisons
            for noun, count, leaks in one.found()
            if leaks
        ]
        told += [f"protocol {one.protocol} of {one.task}: {leak}" for one in self.protocols for leak in one.leaks]
        return tuple(told)

    def verdict(self) -> str:
        """How many leaks there are, and what was not looked at, in one sentence."""
        number, compared = len(self.leaks), any(one.leaks for one in self.comparisons)
        found = [f"{number} leak{'' if number == 1 else 's'} found"] if number else []
        if not compared:
            found.append("nothing was compared with a test set")
        elif not number:
            found.append("no leak found in what was compared")
        kinds = Counter(one.kind for one in self.problems if one.kind != NOTHING_COMPARED)
        left = [f"{count} {kind}" for kind, count in sorted(kinds.items())]
        if not self.images:
            left.append("frames (by request)")
        if left:
            found.append(f"not looked at: {', '.join(left)}")
        elif compared:
            found.append("everything was looked at")
        return "; ".join(found)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self) | {"leaks": list(self.leaks), "verdict": self.verdict()}
