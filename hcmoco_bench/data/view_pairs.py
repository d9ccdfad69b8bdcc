"""Batches of two augmented views of each of a number of images."""

from __future__ import annotations

from dataclasses import dataclass

from hcmoco_bench.data.record import BatchRecord
from hcmoco_bench.data.views import ViewBatch


@dataclass(frozen=True, eq=False)
class ViewPairBatch(BatchRecord):
    """Two views of each of B images.

    Attributes:
        query: The first views.
        key: The second views.
    """

    query: ViewBatch
    key: ViewBatch
