"""COCO's average precision and recall as scores of per-sample evidence: what became of the detections of each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.coco_matching import MAX_DETECTIONS, ImageMatches, Outcome
from hcmoco_bench.metrics.coco_statistics import (
    SIZES,
    THRESHOLDS,
    CocoStatistics,
    PrecisionRecall,
    coco_statistics,
    precision_recall,
)
from hcmoco_bench.results import Evidence

MATCH_COLUMNS: Final = ("score", "outcome", "n_truths")
"""Columns of the evidence that average precision needs."""


def match_columns(images: Sequence[ImageMatches], most: int = MAX_DETECTIONS) -> dict[str, NDArray[Any]]:
    """The evidence columns of these images, a row per image, for at most so many detections each."""
    shape = (len(images), len(SIZES), len(THRESHOLDS), most)
    arrays = (np.zeros((shape[0], most)), np.zeros(shape, np.int8), np.zeros(shape[:2], np.int32))
    columns: dict[str, NDArray[Any]] = dict(zip(MATCH_COLUMNS, arrays, strict=True))
    for row, image in enumerate(images):
        n = len(image.scores)
        columns["score"][row, :n] = image.scores
        columns["outcome"][row, :, :, :n] = image.outcomes
        columns["n_truths"][row] = image.n_truths
    return columns


def average_precision(evidence: Evidence) -> CocoStatistics:
    """The ten statistics of the columns of `match_columns`; detections of equal score keep the order of the images."""
    return coco_statistics(precision_by_size(evidence))


def precision_by_size(evidence: Evidence) -> dict[str, PrecisionRecall]:
    """Mean precision and highest recall at each threshold of the columns of `match_columns`, for each of `SIZES`."""
    scores, outcomes, n_truths = (evidence.columns[name] for name in MATCH_COLUMNS)
    there = outcomes[:, 0, 0] != Outcome.NONE
    found = outcomes.transpose(0, 3, 1, 2)[there]  # (all detections, sizes, thresholds)
    totals = n_truths.sum(0)
    return {
        size: precision_recall(
            scores[there], found[:, at] == Outcome.RIGHT, found[:, at] == Outcome.IGNORED, int(totals[at])
        )
        for at, size in enumerate(SIZES)
    }
