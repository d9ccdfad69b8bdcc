"""What DensePose's evaluation adds to COCO's assignment: unmatched detections are judged by their boxes."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.metrics.coco_matching import ImageMatches, Outcome, of_another_size

Flags = NDArray[np.bool_]

SAME_BOX: Final = 0.8
"""Overlap of boxes from which they count as the same person."""


def judge_by_boxes(
    matches: ImageMatches,
    boxes: NDArray[np.float64],
    detection_areas: NDArray[np.float64],
    truth_areas: NDArray[np.float64],
    ignored: Flags,
    crowd: Flags,
) -> ImageMatches:
    """Apply the published rules to an assignment by similarity.

    Where no annotation of a size is looked for, no detection is wrong. A detection that takes no annotation at the last
    threshold, but has the box of one that is free there, is ignored at every threshold if that annotation is, and at
    none (unless it takes nothing and is of another size) if it is not: this rule looks at one threshold and changes
    all, as published.

    Args:
        matches: Of D detections, by `match_image`.
        boxes: (D, G) overlap of boxes.
        detection_areas: (D,) px^2.
        truth_areas: (G,) px^2.
        ignored: (G,) bool, annotations that need not be found.
        crowd: (G,) bool, those that any number of detections may take.
    """
    skip = ignored | of_another_size(truth_areas)
    outside = of_another_size(detection_areas)
    outcomes, taken = matches.outcomes.copy(), matches.taken.copy()
    outcomes[skip.all(axis=1)] = Outcome.IGNORED
    for d, row in enumerate(boxes):
        close = row >= SAME_BOX
        for size in np.flatnonzero(taken[:, -1, d] < 0) if close.any() else ():
            held = taken[size, -1]
            possible = close.copy()
            possible[held[held >= 0]] &= crowd[held[held >= 0]]
            if not possible.any():
                continue
            # Annotations that are ignored come last, and the last of the most alike is taken.
            place = np.flatnonzero(possible)
            truth = place[np.lexsort((place, skip[size, place], row[place]))[-1]]
            if skip[size, truth]:
                outcomes[size, :, d] = Outcome.IGNORED
                taken[size, -1, d] = truth
            else:
                nothing = Outcome.IGNORED if outside[size, d] else Outcome.WRONG
                outcomes[size, :, d] = np.where(taken[size, :, d] >= 0, Outcome.RIGHT, nothing)
    return ImageMatches(matches.scores, outcomes, taken, matches.n_truths)
