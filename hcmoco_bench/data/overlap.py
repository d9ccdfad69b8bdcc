"""Which unlabeled samples would show what a labeled store keeps back: its clips, and the people of its test split."""

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

    A clip's frames are nearly alike: a labeled frame whose depth is hidden is as good as seen if its neighbor's
    depth is not. And a person of the test split is known if another clip of theirs was learned from.

    Attributes:
        clips: Clips with a frame in any split of the labeled stores.
        performers: Performers with a frame in their test splits.
    """

    clips: frozenset[ClipName]
    performers: frozenset[int]

    @classmethod
    def with_stores(cls, stores: list[AnyStore]) -> Overlap:
        """What labeled stores hold; from the declared ids, also of samples that could not be prepared."""
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
        """(N,) whether each sample is of such a clip or performer."""
        clips = [SampleId.parse(sample_id).clip for sample_id in ids.tolist()]
        return np.array([clip in self.clips or clip.performer in self.performers for clip in clips], np.bool_)


def is_labeled(store: AnyStore) -> bool:
    """Whether a store is one of frames with labels and a test split, and not of unlabeled frames."""
    return store.capabilities.labeled
