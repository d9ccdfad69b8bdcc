"""Draws of whole groups of samples with repetition, the same for everything that is compared."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError, UsageError

_CELLS: Final = 1 << 20
"""Numbers in one block of weights: 8 MiB."""


@dataclass(frozen=True, eq=False)
class GroupDraws:
    """Draws of a bootstrap: each takes as many groups as there are, with repetition.

    Nothing drawn is kept. Every iteration starts at the seed and gives the same draws, so that the scores of several
    models under draw `k` belong together.

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
        if all(len(one) == 1 for one in self.members):
            order = np.concatenate(self.members)
            for picked in self.picks():
                yield order[picked]
            return
        for picked in self.picks():
            yield np.concatenate([self.members[one] for one in picked])

    def weights(self) -> Iterator[NDArray[np.float64]]:
        """(B, G) how often each of the next B draws takes each group; blocks of bounded size, `n` draws in all."""
        size = max(1, _CELLS // self.n_groups)
        block: list[NDArray[np.float64]] = []
        for picked in self.picks():
            block.append(np.bincount(picked, minlength=self.n_groups).astype(np.float64))
            if len(block) == size:
                yield np.stack(block)
                block = []
        if block:
            yield np.stack(block)
