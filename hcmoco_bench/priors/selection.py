"""What the makers of priors from data share: sensible skeletons alone, at even distances, with counts of the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.priors.checks import skeleton_faults
from hcmoco_bench.priors.skeleton_prior import SkeletonPrior
from hcmoco_bench.priors.statistics import bone_lengths_unequal

MOST_UNEQUAL: Final = 0.4
"""Relative difference between a left and a right limb from which a skeleton is a tracker's mistake."""


@dataclass(frozen=True, eq=False)
class MadePrior:
    """A prior made from data.

    Attributes:
        prior: The prior.
        left_out: Number of skeletons that are not in it because something is wrong with them, by reason.
        problems: Files that could not be used.
    """

    prior: SkeletonPrior
    left_out: dict[str, int]
    problems: tuple[Problem, ...]


@dataclass
class Selection:
    """Collects skeletons of a source.

    Attributes:
        left_out: Number of skeletons that are not taken, by reason.
        problems: Files that could not be used.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    _joints: list[NDArray[np.float64]] = field(default_factory=list)
    _body: list[NDArray[np.int64]] = field(default_factory=list)

    def add(self, joints: NDArray[np.floating], body: int) -> None:
        """Take those of N skeletons that can be a person's.

        Args:
            joints: (N, 17, 3) meters, camera axes; the root anywhere.
            body: Whose they are.
        """
        centered = joints.astype(np.float64) - joints[:, :1]
        faults = np.array([fault is not None for fault in skeleton_faults(centered, metric=True)], np.bool_)
        unequal = ~faults
        unequal[~faults] = bone_lengths_unequal(centered[~faults]) > MOST_UNEQUAL
        self.left_out["no person's bones"] += int(faults.sum())
        self.left_out["left and right differ"] += int(unequal.sum())
        kept = centered[~faults & ~unequal]
        self._joints.append(kept)
        self._body.append(np.full(len(kept), body, np.int64))

    def made(self, number: int, *, source: str, file: Path) -> MadePrior:
        """The prior of up to `number` of the skeletons, at even distances in the order in which they came.

        Args:
            number: At least 1.
            source: Where they are from, in a phrase.
            file: What was read, for the message.

        Raises:
            DataError: Kind `prior_empty` if no skeleton was taken; says why those that there are were not.
        """
        joints = np.concatenate([np.empty((0, 17, 3)), *self._joints])
        if not len(joints):
            reasons = [f"{reason}: {count}" for reason, count in self.left_out.items() if count]
            reasons += [problem.reason for problem in self.problems[:1]]
            why = f" ({', '.join(reasons)})" if reasons else ""
            raise DataError(
                f"{file}: no skeleton for a prior{why}; give other data", kind="prior_empty", file=str(file)
            )
        count = min(number, len(joints))
        chosen = (2 * np.arange(count) + 1) * len(joints) // (2 * count)
        prior = SkeletonPrior.of(
            joints[chosen],
            np.concatenate(self._body)[chosen],
            metric=True,
            source=f"{source}: {count} of {len(joints)} skeletons",
        )
        return MadePrior(prior, {reason: n for reason, n in self.left_out.items() if n}, tuple(self.problems))
