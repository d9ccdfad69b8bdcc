"""What a run takes as given instead of working it out: for rebuilding a store from what somebody else published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from hcmoco_bench.align.calibration import Calibration
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.inputs import Masks
from hcmoco_bench.sources.ntu.lists import SampleLists
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.columns import Row


class RowCheck(Protocol):
    """Holds a finished row against what it should be; picklable, because workers do it."""

    def __call__(self, sample: SampleId, row: Row) -> Problem | None:
        """None if the row is right; a problem leaves it out, unless the problem says that it is kept."""
        ...


@dataclass(frozen=True)
class Given:
    """Lists, transforms and masks that are known, and how to tell that a row came out right.

    Attributes:
        lists: The sample lists; their `train` (and `test`) are prepared as they are, whatever the sample set.
        calibration: The rigs' transforms; a rig that is missing in it is a problem of its samples.
        masks: The part masks; None for a store without.
        checks: The check for a shard's samples; only what they need travels to the worker.
    """

    lists: SampleLists
    calibration: Calibration
    masks: Masks | None
    checks: Callable[[Sequence[SampleId]], RowCheck]
