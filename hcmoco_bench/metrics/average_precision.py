"""COCO's average precision and recall, from what became of the detections of each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.coco_matching import AREAS, MAX_DETECTIONS, THRESHOLDS, ImageMatches, Outcome
from hcmoco_bench.results import Evidence

MATCH_COLUMNS: Final = {
    "score": ((MAX_DETECTIONS,), np.float64),
    "outcome": ((len(AREAS), len(THRESHOLDS), MAX_DETECTIONS), np.int8),
    "n_truths": ((len(AREAS),), np.int32),
}
"""Columns of the evidence that average precision needs: shape and dtype of a row."""
_RECALLS: Final = np.linspace(0.0, 1.0, 101)


@dataclass(frozen=True)
class CocoStatistics:
    """The ten figures of a COCO table, 0..1; -1 where there is no ground truth of that area.

    Attributes:
        ap: Average precision, mean over thresholds 0.50:0.05:0.95.
        ap50: At 0.50.
        ap75: At 0.75.
        ap_medium: Of areas between 32^2 and 96^2 px.
        ap_large: Of larger areas.
        ar: Average recall with 20 detections an image, mean over the thresholds.
        ar50: At 0.50.
        ar75: At 0.75.
        ar_medium: Of areas between 32^2 and 96^2 px.
        ar_large: Of larger areas.
    """

    ap: float
    ap50: float
    ap75: float
    ap_medium: float
    ap_large: float
    ar: float
    ar50: float
    ar75: float
    ar_medium: float
    ar_large: float

    def to_dict(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def match_columns(images: Sequence[ImageMatches]) -> dict[str, NDArray[Any]]:
    """The evidence columns of these images, a row an image."""
    columns = {name: np.zeros((len(images), *shape), dtype) for name, (shape, dtype) in MATCH_COLUMNS.items()}
    for row, image in enumerate(images):
        n = len(image.scores)
        columns["score"][row, :n] = image.scores
        columns["outcome"][row, :, :, :n] = image.outcomes
        columns["n_truths"][row] = image.n_truths
    return columns


def average_precision(evidence: Evidence, *, prefix: str = "") -> CocoStatistics:
    """Compute the ten figures of the columns `<prefix>score`, `<prefix>outcome` and `<prefix>n_truths`.

    Detections of equal score keep the order of the images.
    """
    scores, outcomes, n_truths = (evidence.columns[f"{prefix}{name}"] for name in MATCH_COLUMNS)
    image, detection = np.nonzero(outcomes[:, 0, 0] != Outcome.NONE)
    order = np.argsort(-scores[image, detection], kind="stable")
    sorted_outcomes = np.moveaxis(outcomes[image[order], :, :, detection[order]], 0, -1)  # (A, T, all detections)
    right = np.cumsum(sorted_outcomes == Outcome.RIGHT, axis=-1, dtype=np.float64)
    wrong = np.cumsum(sorted_outcomes == Outcome.WRONG, axis=-1, dtype=np.float64)
    precision = np.full((len(AREAS), len(THRESHOLDS)), -1.0)
    recall = precision.copy()
    for area, total in enumerate(n_truths.sum(0)):
        if total:
            for threshold in range(len(THRESHOLDS)):
                precision[area, threshold], recall[area, threshold] = _curve(
                    right[area, threshold], wrong[area, threshold], int(total)
                )
    at = {name: row for row, name in enumerate(AREAS)}
    at50, at75 = (int(np.flatnonzero(np.isclose(THRESHOLDS, one))[0]) for one in (0.5, 0.75))
    figures = [
        float(one)
        for table in (precision, recall)
        for one in (
            table[at["all"]].mean(),
            table[at["all"], at50],
            table[at["all"], at75],
            table[at["medium"]].mean(),
            table[at["large"]].mean(),
        )
    ]
    return CocoStatistics(*figures)


def _curve(right: NDArray[np.float64], wrong: NDArray[np.float64], total: int) -> tuple[float, float]:
    """Precision averaged over 101 recalls, and the recall that is reached."""
    if not len(right):
        return 0.0, 0.0
    recall = right / total
    precision = right / (right + wrong + np.spacing(1))
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, _RECALLS, side="left")
    reached = places[places < len(recall)]
    return float(best_from_here[reached].sum() / len(_RECALLS)), float(recall[-1])
