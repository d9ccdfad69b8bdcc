"""COCO's ten statistics: average precision and recall of scored detections over thresholds of a similarity.

Source: COCO's evaluation (https://cocodataset.org/#detection-eval) with the ten figures of its keypoint and DensePose
evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

THRESHOLDS: Final[tuple[float, ...]] = tuple(float(value) for value in np.linspace(0.5, 0.95, 10))
"""Similarities from which a detection counts as right."""

RECALLS: Final = np.linspace(0.0, 1.0, 101)
"""Recalls at which precision is read off."""

SIZES: Final = {"all": (0.0, 1e10), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
"""Area of the annotation or unmatched detection, px, both ends included."""

UNDEFINED: Final = -1.0
"""COCO's value of a figure for which there is nothing to find, e.g. APl without large people."""

STATISTICS: Final = ("AP", "AP50", "AP75", "APm", "APl", "AR", "AR50", "AR75", "ARm", "ARl")
"""Names of the ten statistics in COCO's order."""


@dataclass(frozen=True)
class CocoStatistics:
    """The ten statistics, each 0..1, or -1 (`UNDEFINED`) where there is nothing to find.

    Attributes:
        ap: Precision, mean over thresholds 0.50, 0.55, ..., 0.95 and 101 recalls.
        ap50: At threshold 0.5.
        ap75: At threshold 0.75.
        ap_medium: As `ap`, annotations of 32^2 to 96^2 px.
        ap_large: As `ap`, annotations of more than 96^2 px.
        ar: Highest recall, mean over the thresholds.
        ar50: At threshold 0.5.
        ar75: At threshold 0.75.
        ar_medium: As `ar`, annotations of 32^2 to 96^2 px.
        ar_large: As `ar`, annotations of more than 96^2 px.
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

    def as_dict(self) -> dict[str, float]:
        """The figures under the names of `STATISTICS`, in that order."""
        return dict(zip(STATISTICS, self.__dict__.values(), strict=True))


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Curves' summaries per threshold; NaN throughout where there is nothing to find.

    Attributes:
        precision: (T,) mean precision over `RECALLS`.
        recall: (T,) highest recall.
    """

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]


def precision_recall(
    scores: NDArray[np.float64], matched: NDArray[np.bool_], ignored: NDArray[np.bool_], n_annotations: int
) -> PrecisionRecall:
    """Precision and recall of detections over all images.

    Args:
        scores: (N,) confidences; among equal ones the order stays.
        matched: (N, T) whether a detection has an annotation of its own at each threshold.
        ignored: (N, T) whether it counts neither as right nor as wrong.
        n_annotations: Annotations that should be found.
    """
    n_thresholds = matched.shape[1]
    if n_annotations == 0:
        nothing = np.full(n_thresholds, np.nan)
        return PrecisionRecall(nothing, nothing)
    order = np.argsort(-scores, kind="stable")
    matched, counted = matched[order], ~ignored[order]
    right = np.cumsum(matched & counted, axis=0, dtype=np.float64)
    wrong = np.cumsum(~matched & counted, axis=0, dtype=np.float64)
    recall = right / n_annotations
    precision = right / (wrong + right + np.spacing(1))
    # Precision at a recall is the best that is reached at this recall or a higher one, and 0 beyond the last.
    best = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    best = np.concatenate([best, np.zeros((1, n_thresholds))])
    places = [np.searchsorted(recall[:, t], RECALLS, side="left") for t in range(n_thresholds)]
    mean = np.array([best[place, t].mean() for t, place in enumerate(places)])
    return PrecisionRecall(mean, recall[-1] if len(recall) else np.zeros(n_thresholds))


def coco_statistics(sizes: dict[str, PrecisionRecall], thresholds: tuple[float, ...] = THRESHOLDS) -> CocoStatistics:
    """The ten statistics of the curves of `all`, `medium` and `large` annotations."""
    everything, medium, large = sizes["all"], sizes["medium"], sizes["large"]
    at_50, at_75 = (np.abs(np.array(thresholds) - value) < 1e-3 for value in (0.5, 0.75))
    return CocoStatistics(
        _mean(everything.precision),
        _mean(everything.precision[at_50]),
        _mean(everything.precision[at_75]),
        _mean(medium.precision),
        _mean(large.precision),
        _mean(everything.recall),
        _mean(everything.recall[at_50]),
        _mean(everything.recall[at_75]),
        _mean(medium.recall),
        _mean(large.recall),
    )


def _mean(values: NDArray[np.float64]) -> float:
    return UNDEFINED if values.size == 0 or np.isnan(values).any() else float(values.mean())
