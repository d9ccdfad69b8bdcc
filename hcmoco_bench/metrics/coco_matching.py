"""COCO's assignment of detections to ground truths in one image, for any similarity (OKS, IoU, GPS, ...)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.coco_statistics import SIZES, THRESHOLDS

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
    """The assignment in one image; A sizes (`SIZES`), T thresholds, at most `MAX_DETECTIONS` detections D.

    Attributes:
        scores: (D,) float64, descending.
        outcomes: (A, T, D) int8, see `Outcome`.
        taken: (A, T, D) int64, the ground truth that a detection has taken, -1 if none.
        n_truths: (A,) int64 ground truths that are to be found.
    """

    scores: NDArray[np.float64]
    outcomes: NDArray[np.int8]
    taken: NDArray[np.int64]
    n_truths: NDArray[np.int64]


def best_detections(scores: NDArray[np.floating[Any]], most: int = MAX_DETECTIONS) -> NDArray[np.intp]:
    """Places of the detections of an image that count, by descending score; equal scores keep their order."""
    return np.argsort(-scores, kind="stable")[:most]


def of_another_size(areas: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """(A, N) whether areas, px^2, lie outside of each of `SIZES`."""
    low, high = np.array(list(SIZES.values())).T[:, :, None]
    return np.asarray((areas < low) | (areas > high))


def match_image(
    similarity: NDArray[np.floating[Any]],
    scores: NDArray[np.floating[Any]],
    detection_areas: NDArray[np.floating[Any]],
    truth_areas: NDArray[np.floating[Any]],
    ignored: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
) -> ImageMatches:
    """Assign detections to ground truths as COCO does, at all thresholds and sizes.

    By descending score, each detection takes the most similar ground truth that is still free and similar enough (of
    equally similar ones the last); one that is ignored only if no other is. Ground truths of another size are ignored
    for a size, and so are detections of another size that take none.

    Args:
        similarity: (D, G), 0..1; detections in the order of `best_detections`.
        scores: (D,) in that order.
        detection_areas: (D,) px^2.
        truth_areas: (G,) px^2.
        ignored: (G,) bool, ground truths that need not be found.
        crowd: (G,) bool, those that any number of detections may take.
    """
    skip = ignored | of_another_size(truth_areas)  # (A, G)
    outside = of_another_size(detection_areas)  # (A, D)
    n_sizes, n_thresholds = len(SIZES), len(THRESHOLDS)
    outcomes = np.empty((n_sizes, n_thresholds, len(scores)), np.int8)
    outcomes[:] = np.where(outside, Outcome.IGNORED, Outcome.WRONG)[:, None]
    taken = np.full(outcomes.shape, -1, np.int64)
    if similarity.size:
        enough = np.minimum(THRESHOLDS, 1 - 1e-10)
        free = np.ones((n_sizes, n_thresholds, len(truth_areas)), bool)
        for place, row in enumerate(similarity):
            if row.max() < enough[0]:
                continue
            possible = free & (row >= enough[:, None])
            wanted = possible & ~skip[:, None]
            chosen = np.where(wanted.any(2, keepdims=True), wanted, possible)
            size, threshold = np.nonzero(chosen.any(2))
            # The last of the most similar: argmax finds the first, so it looks from the end.
            candidates = np.where(chosen[size, threshold], row, -1.0)[:, ::-1]
            truth = len(row) - 1 - candidates.argmax(1)
            free[size, threshold, truth] = crowd[truth]
            outcomes[size, threshold, place] = np.where(skip[size, truth], Outcome.IGNORED, Outcome.RIGHT)
            taken[size, threshold, place] = truth
    return ImageMatches(np.asarray(scores, np.float64), outcomes, taken, (~skip).sum(1))
