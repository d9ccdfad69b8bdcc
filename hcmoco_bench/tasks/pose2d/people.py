"""People found in one image: their scores, and which of them are the same person.

Source: https://github.com/leoxiaobin/deep-high-resolution-net.pytorch, `lib/dataset/coco.py` and `lib/nms/nms.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class FoundPeople:
    """D people found in one image.

    Attributes:
        joints: (D, J, 3) px (x, y) of the image, and score.
        scores: (D,) score of each person.
        areas: (D,) px^2 of their rectangles.
    """

    joints: NDArray[np.float64]
    scores: NDArray[np.float64]
    areas: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, rows: NDArray[np.intp]) -> FoundPeople:
        """Some of them."""
        return FoundPeople(self.joints[rows], self.scores[rows], self.areas[rows])


def person_scores(
    joints: NDArray[np.float64], box_scores: NDArray[np.float64], threshold: float
) -> NDArray[np.float64]:
    """Score of each person (D,): that of the box times the mean score of the joints above the threshold, 0 without any.

    Args:
        joints: (D, J, 3), the last number is the joint's score.
        box_scores: (D,).
        threshold: Joints of this or a lower score do not count.
    """
    counted = joints[..., 2] > threshold
    sums = np.where(counted, joints[..., 2], 0.0).sum(1)
    return np.asarray(box_scores * sums / np.maximum(counted.sum(1), 1))


def suppressed(people: FoundPeople, sigmas: NDArray[np.float64], threshold: float) -> NDArray[np.intp]:
    """Places of the people that are kept, by descending score: those not more alike to a better one than the threshold.

    The similarity is COCO's, over all joints, with the mean of both areas.
    """
    order = np.argsort(-people.scores, kind="stable")
    kept: list[int] = []
    while len(order):
        first, others = order[0], order[1:]
        kept.append(int(first))
        offsets = people.joints[others, :, :2] - people.joints[first, :, :2]
        area = (people.areas[others] + people.areas[first]) / 2.0 + np.spacing(1)
        exponent = (offsets**2).sum(2) / (2.0 * sigmas) ** 2 / area[:, None] / 2.0
        order = others[np.exp(-exponent).mean(1) <= threshold]
    return np.array(kept, np.intp)
