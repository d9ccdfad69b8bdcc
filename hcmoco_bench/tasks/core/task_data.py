"""A split of a task's data set, whatever the data set is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Dataset

from hcmoco_bench.data.data_record import SamplesRecord
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.results.schema import GENERATED
from hcmoco_bench.tasks.core.subset import Subset
from hcmoco_bench.training.objective import LoopBatch

_Source = TypeVar("_Source")


@dataclass(frozen=True)
class TaskData:
    """A split of a task's data set.

    Attributes:
        dataset: Gives the sample of a row, or of a `Draw` (row, epoch, repeat), on which alone its randomness depends.
        collate: Stacks a number of samples into a batch that knows its `sample_ids` and goes `to` a device.
        ids: Sample id of each row.
        name: Name of the data set in results, e.g. `NTURGBD-Parsing-4K`.
        generated: Whether the people are generated; results say so.
        split: Name of the split.
        expected: The ids that the split should have; more than `ids` where samples could not be prepared.
        split_sha256: `fingerprint` of the expected ids.
        manifest_sha256: SHA-256 of the store's manifest; None for data in its published layout.
        problems: Samples that are expected and missing.
        groups: Group of each row (performer, clip, ...); a group is never on both sides of a validation split.
        mixture: Number of rows of each data set, where training draws equally often from several; None for one.
        class_weights: (C,) weights of the classes that were published for this data; None if there are none.
    """

    dataset: Dataset[Any]
    collate: Callable[[Iterable[Any], int], LoopBatch]
    ids: tuple[str, ...]
    name: str
    generated: bool
    split: str
    expected: tuple[str, ...]
    split_sha256: str
    manifest_sha256: str | None
    problems: tuple[Problem, ...] = ()
    groups: tuple[str, ...] | None = None
    mixture: tuple[int, ...] | None = None
    class_weights: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def record(self) -> SamplesRecord:
        """The rows as runs and checkpoints record them."""
        return SamplesRecord(rows=len(self), ids_sha256=fingerprint(self.ids), source_sha256=self.manifest_sha256)

    @property
    def stated_name(self) -> str:
        """The data set's name in results, which says whether its people are generated."""
        return self.name + (GENERATED if self.generated else "")

    def subset(self, rows: Sequence[int], *, split: str) -> TaskData:
        """Some rows as a split of their own, e.g. a validation share; those are then all that is expected."""
        ids = tuple(self.ids[row] for row in rows)
        return replace(
            self,
            dataset=Subset(self.dataset, tuple(rows)),
            ids=ids,
            split=split,
            expected=ids,
            split_sha256=fingerprint(ids),
            problems=(),
            groups=None if self.groups is None else tuple(self.groups[row] for row in rows),
        )

    def source(self, kind: type[_Source]) -> tuple[_Source, NDArray[np.intp]]:
        """The data set that the task opened, of which this may be a subset of a subset.

        Args:
            kind: Type of that data set.

        Returns:
            The data set, and (N,) its row for each row here.

        Raises:
            TypeError: If another task opened it.
        """
        dataset, rows = self.dataset, np.arange(len(self), dtype=np.intp)
        while isinstance(dataset, Subset):
            rows = np.asarray(dataset.rows, np.intp)[rows]
            dataset = dataset.dataset
        if not isinstance(dataset, kind):
            raise TypeError(f"{self.name} was opened as {type(dataset).__name__}, and {kind.__name__} is needed")
        return dataset, rows
