"""Draws of whole groups of samples with repetition, the same for everything that is compared."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, UsageError

_CELLS: Final = 1 << 20
"""Numbers in one block of weights: 8 MiB."""
_LEFT_OUT: Final = 200
"""Parts that the groups are divided into for leaving one out; with fewer groups, each is a part."""


@dataclass(frozen=True, eq=False)
class GroupDraws:
    """Draws of a bootstrap: each takes as many groups as there are, with repetition.

    The jackknife, which leaves out one group after the other, is over the same groups. Of what is drawn, no more than
    one block of weights is kept. Every iteration starts at the seed and gives the same draws, so that the scores of
    several models under draw `k` belong together.

    Attributes:
        members: Rows of each group, in the order of the samples.
        n: Number of draws.
        seed: Seed of the draws.
    """

    members: tuple[NDArray[np.intp], ...]
    n: int
    seed: int

    @classmethod
    def of(cls, n_samples: int, groups: Sequence[Hashable] | None, *, n: int, seed: int) -> GroupDraws:
        """Draws over samples that belong to groups.

        Args:
            n_samples: Number of samples.
            groups: What each sample belongs to (a video, a person); None for samples that do not depend on each other.
            n: Number of draws.
            seed: Seed of the draws.

        Raises:
            DataError: If there is no sample (`nothing_scored`).
            UsageError: If the number of groups is not that of the samples.
        """
        if not n_samples:
            raise DataError("no sample was scored, so there is nothing to draw from", kind="nothing_scored")
        if groups is None:
            return cls(tuple(np.arange(n_samples, dtype=np.intp)[:, None]), n, seed)
        if len(groups) != n_samples:
            raise UsageError(f"{len(groups)} groups for {n_samples} samples; give the group of each")
        rows: dict[Hashable, list[int]] = {}
        for row, group in enumerate(groups):
            rows.setdefault(group, []).append(row)
        return cls(tuple(np.array(one, dtype=np.intp) for one in rows.values()), n, seed)

    def __len__(self) -> int:
        return self.n

    @property
    def n_groups(self) -> int:
        """Number of groups, of which each draw takes as many."""
        return len(self.members)

    def picks(self) -> Iterator[NDArray[np.intp]]:
        """(G,) groups of each draw."""
        rng = np.random.default_rng(self.seed)
        for _ in range(self.n):
            yield rng.integers(self.n_groups, size=self.n_groups, dtype=np.intp)

    def rows(self) -> Iterator[NDArray[np.intp]]:
        """Rows of the samples of each draw."""
        for picked in self.picks():
            yield self._rows_of(picked)

    def weights(self) -> Iterator[NDArray[np.float64]]:
        """(B, G) how often each of the next B draws takes each group; blocks of bounded size, `n` draws in all."""
        if self.n * self.n_groups <= _CELLS:
            return iter(self._only_block)
        return self._blocks()

    @cached_property
    def _only_block(self) -> tuple[NDArray[np.float64], ...]:
        """All weights where they are one block, read-only, since every iteration gives the same array."""
        found = tuple(self._blocks())
        for block in found:
            block.setflags(write=False)
        return found

    def _blocks(self) -> Iterator[NDArray[np.float64]]:
        size = max(1, _CELLS // self.n_groups)
        picks = self.picks()
        while block := list(islice(picks, size)):
            yield np.stack([np.bincount(one, minlength=self.n_groups) for one in block]).astype(np.float64)

    @cached_property
    def kept(self) -> tuple[NDArray[np.intp], ...]:
        """Groups that are left when each part of them is left out in turn; without any, if there is a single group.

        A part is a group, or with more than 200 groups one of 200 parts that are as equal as they can be and drawn from
        the seed.
        """
        if self.n_groups < 2:
            return ()
        order = np.random.default_rng([self.seed, 1]).permutation(self.n_groups)
        part = np.empty(self.n_groups, np.intp)
        part[order] = np.arange(self.n_groups) % _LEFT_OUT
        return tuple(np.flatnonzero(part != one) for one in range(min(self.n_groups, _LEFT_OUT)))

    def kept_rows(self) -> Iterator[NDArray[np.intp]]:
        """Rows of the samples that are left when each part is left out."""
        return (self._rows_of(groups) for groups in self.kept)

    def kept_weights(self) -> Iterator[NDArray[np.float64]]:
        """(1, G) for each part: 1 for the groups that are left, 0 for the others."""
        return (np.bincount(groups, minlength=self.n_groups)[None].astype(np.float64) for groups in self.kept)

    def _rows_of(self, groups: NDArray[np.intp]) -> NDArray[np.intp]:
        if self._rows_of_single is not None:
            return self._rows_of_single[groups]
        return np.concatenate([self.members[one] for one in groups])

    @cached_property
    def _rows_of_single(self) -> NDArray[np.intp] | None:
        """(G,) the row of each group, if all groups are single samples."""
        return np.concatenate(self.members) if all(len(one) == 1 for one in self.members) else None
