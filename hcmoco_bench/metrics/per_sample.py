"""The rows behind a metric: one for each sample, collected batch by batch, brought together over processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.results import Evidence, join_evidence
from hcmoco_bench.runtime.ranks import gather_objects

_FIRST: Final = 1024
"""Samples there is room for at first."""


class SampleRows:
    """Collects the statistics of samples and makes them the evidence of all processes.

    With several processes each sample belongs to one of them, e.g. `rows[rank::world_size]`; they need not have
    equally many, or any.

    Args:
        metric: Name of the metric.
        columns: Shape and dtype of a row of each column, by name.
        meta: See `Evidence`.
    """

    def __init__(
        self, metric: str, columns: Mapping[str, tuple[tuple[int, ...], Any]], meta: Mapping[str, Any]
    ) -> None:
        self._metric, self._meta = metric, meta
        self._ids: list[str] = []
        # One growing block a column: many small arrays, kept while images come and go, would leave holes in memory
        # that no further image fits into.
        self._blocks = {name: np.empty((_FIRST, *shape), dtype) for name, (shape, dtype) in columns.items()}

    def clear(self) -> None:
        """Forget all samples."""
        self._ids.clear()

    def append(self, sample_ids: Sequence[str], columns: Mapping[str, NDArray[Any]]) -> None:
        """Add samples; the columns take the dtypes they were declared with."""
        wrong = {name: len(one) for name, one in columns.items() if len(one) != len(sample_ids)}
        if wrong:
            raise DataError(
                f"{self._metric}: {len(sample_ids)} samples, but columns of other lengths: {wrong}",
                kind="evidence_lengths",
            )
        start, end = len(self._ids), len(self._ids) + len(sample_ids)
        for name, block in self._blocks.items():
            if end > len(block):
                grown = np.empty((max(end, 2 * len(block)), *block.shape[1:]), block.dtype)
                grown[:start] = block[:start]
                self._blocks[name] = grown
            self._blocks[name][start:end] = columns[name]
        self._ids += sample_ids

    def evidence(self) -> Evidence:
        """All samples of all processes, sorted by id; every process calls it and gets the same.

        Raises:
            DataError: If a sample was given twice (`duplicate_ids`), in one process or in two.
        """
        columns = {name: block[: len(self._ids)].copy() for name, block in self._blocks.items()}
        return join_evidence(gather_objects(Evidence(self._metric, tuple(self._ids), columns, self._meta)))


def require_scored(evidence: Evidence) -> None:
    """Raise DataError (`nothing_scored`) if there is no sample."""
    if not len(evidence):
        raise DataError(
            f"{evidence.metric}: no sample was scored; update with at least one before computing", kind="nothing_scored"
        )
