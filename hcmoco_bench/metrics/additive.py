"""Metrics whose scores depend on nothing but the sums of their evidence over samples."""

from __future__ import annotations

from hcmoco_bench.metrics import segmentation
from hcmoco_bench.results import Evidence

_ADDITIVE = {segmentation.METRIC: segmentation.ADDITIVE}


def is_additive(evidence: Evidence) -> bool:
    """Whether one row with the sums of all columns scores as the rows themselves do, under the same meta."""
    return bool(evidence.columns) and evidence.columns.keys() <= _ADDITIVE.get(evidence.metric, frozenset())
