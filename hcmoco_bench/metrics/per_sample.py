"""The rows behind a metric: one for each sample, collected batch by batch, brought together over processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.ranks import gather_objects
from hcmoco_bench.results import Evidence, join_evidence


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
        none = {name: np.empty((0, *shape), dtype) for name, (shape, dtype) in columns.items()}
        self._parts = [Evidence(metric, (), none, meta)]

    def clear(self) -> None:
        """Forget all samples."""
        del self._parts[1:]

    def append(self, sample_ids: Sequence[str], columns: Mapping[str, NDArray[Any]]) -> None:
        """Add samples; the columns take the dtypes they were declared with."""
        empty = self._parts[0]
        typed = {name: np.asarray(columns[name], one.dtype) for name, one in empty.columns.items()}
        self._parts.append(Evidence(empty.metric, tuple(sample_ids), typed, empty.meta))

    def evidence(self) -> Evidence:
        """All samples of all processes, sorted by id; every process calls it and gets the same.

        Raises:
            DataError: If a sample was given twice (`duplicate_ids`), in one process or in two.
        """
        return join_evidence(gather_objects(_concatenated(self._parts)))


def require_scored(evidence: Evidence) -> None:
    """Raise DataError (`nothing_scored`) if there is no sample."""
    if not len(evidence):
        raise DataError(
            f"{evidence.metric}: no sample was scored; update with at least one before computing", kind="nothing_scored"
        )


def _concatenated(parts: Sequence[Evidence]) -> Evidence:
    first = parts[0]
    columns = {name: np.concatenate([one.columns[name] for one in parts]) for name in first.columns}
    return Evidence(first.metric, tuple(name for one in parts for name in one.sample_ids), columns, first.meta)
