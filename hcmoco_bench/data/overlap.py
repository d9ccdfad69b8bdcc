"""Which unlabeled samples would leak a labeled store: those of its clips and of the performers of its test split."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.store.store import AnyStore

TEST = "test"


@dataclass(frozen=True)
class Overlap:
    """Clips and performers that unlabeled samples must not show.

    The frames of a clip are nearly identical: a model that sees the depth of one frame has in effect seen the hidden
    depth of its neighbors. Likewise, a performer of the test split is no longer new to a model that learned from
    another clip of the same performer.

    Attributes:
        clips: Clips with a frame in any split of the labeled stores.
        performers: Performers with a frame in the test split of a labeled store.
    """

    clips: frozenset[ClipName]
    performers: frozenset[int]

    @classmethod
    def with_stores(cls, stores: list[AnyStore]) -> Overlap:
        """The clips and performers of labeled stores, from all declared ids, including samples left out as problems."""
        clips: set[ClipName] = set()
        performers: set[int] = set()
        for store in stores:
            for name, split in store.splits.items():
                found = {SampleId.parse(sample_id).clip for sample_id in split.ids}
                clips |= found
                if name == TEST:
                    performers |= {clip.performer for clip in found}
        return cls(frozenset(clips), frozenset(performers))

    def marks(self, ids: NDArray[np.str_]) -> NDArray[np.bool_]:
        """(N,) bool, whether each sample shows one of these clips or performers."""
        clips = [SampleId.parse(sample_id).clip for sample_id in ids.tolist()]
        return np.array([clip in self.clips or clip.performer in self.performers for clip in clips], np.bool_)


def is_labeled(store: AnyStore) -> bool:
    """Whether a store holds labeled frames and a test split, and not unlabeled frames."""
    return store.capabilities.labeled
