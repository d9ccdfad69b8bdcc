"""COCO's assignment of detections to ground truths in one image, for any similarity (OKS, IoU, GPS, ...)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

THRESHOLDS: Final = np.linspace(0.5, 0.95, 10)
"""Similarity that a match needs."""
AREAS: Final = {"all": (0.0, 1e5**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e5**2)}
"""Smallest and largest area of what is looked for, px^2."""
MAX_DETECTIONS: Final = 20
"""Detections of an image that count, those of the highest scores."""


class Outcome(IntEnum):
    """What became of a detection; NONE fills up rows of images with fewer detections."""

    NONE = 0
    RIGHT = 1
    WRONG = 2
    IGNORED = 3


@dataclass(frozen=True)
class ImageMatches:
    """The assignment in one image; A areas, T thresholds, at most `MAX_DETECTIONS` detections D.

    Attributes:
        scores: (D,) float64, descending.
        outcomes: (A, T, D) int8, see `Outcome`.
        n_truths: (A,) int64 ground truths that are to be found.
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    n_truths: NDArray[np.int64]


def best_detections(scores: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Places of the detections of an image that count, by descending score; equal scores keep their order."""
    return np.argsort(-scores, kind="stable")[:MAX_DETECTIONS]


def match_image(
    similarity: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    detection_areas: NDArray[np.floating[Any]],
    truth_areas: NDArray[np.floating[Any]],
    ignored: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
) -> ImageMatches:
    """Assign detections to ground truths as COCO does, at all thresholds and areas.

    By descending score, each detection takes the most similar ground truth that is still free and similar enough (of
    equally similar ones the last); one that is ignored only if no other is. Ground truths outside an area are ignored
    for it, and so are detections outside it that take none.

    Args:
        similarity: (D, G), 0..1; detections in the order of `best_detections`.
        scores: (D,) in that order.
        detection_areas: (D,) px^2.
        truth_areas: (G,) px^2.
        ignored: (G,) bool, ground truths that need not be found.
        crowd: (G,) bool, those that any number of detections may take.
    """
    low, high = np.array(list(AREAS.values())).T[:, :, None]
    skip = ignored | (truth_areas < low) | (truth_areas > high)  # (A, G)
    outside = (detection_areas < low) | (detection_areas > high)  # (A, D)
    n_areas, n_thresholds = len(AREAS), len(THRESHOLDS)
    outcomes = np.empty((n_areas, n_thresholds, len(scores)), np.int8)
    outcomes[:] = np.where(outside, Outcome.IGNORED, Outcome.WRONG)[:, None]
    if similarity.size:
        enough = np.minimum(THRESHOLDS, 1 - 1e-10)
        free = np.ones((n_areas, n_thresholds, len(truth_areas)), bool)
        for place, row in enumerate(similarity):
            if row.max() < enough[0]:
                continue
            possible = free & (row >= enough[:, None])
            wanted = possible & ~skip[:, None]
            chosen = np.where(wanted.any(2, keepdims=True), wanted, possible)
            area, threshold = np.nonzero(chosen.any(2))
            # The last of the most similar: argmax finds the first, so it looks from the end.
            candidates = np.where(chosen[area, threshold], row, -1.0)[:, ::-1]
            taken = len(row) - 1 - candidates.argmax(1)
            free[area, threshold, taken] = crowd[taken]
            outcomes[area, threshold, place] = np.where(skip[area, taken], Outcome.IGNORED, Outcome.RIGHT)
    return ImageMatches(np.asarray(scores, np.float64), outcomes, (~skip).sum(1))
