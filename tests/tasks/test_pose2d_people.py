"""Scores of people and suppression of people found twice, against plain versions of the published code."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.tasks.pose2d.people import FoundPeople, person_scores, suppressed

SIGMAS = np.array(joint_set("coco17").sigmas)
Array = NDArray[np.float64]


def plain_scores(joints: Array, boxes: Array, threshold: float) -> list[float]:
    """The loop of HRNet's `coco.py`."""
    scores = []
    for person, box in zip(joints, boxes, strict=True):
        total, number = 0.0, 0
        for joint in person:
            if joint[2] > threshold:
                total += joint[2]
                number += 1
        scores.append(box * (total / number if number else 0.0))
    return scores


def plain_suppressed(people: FoundPeople, threshold: float) -> list[int]:
    """`oks_nms` of HRNet's `nms.py`."""
    order = people.scores.argsort()[::-1].tolist()
    keep = []
    while order:
        first = order.pop(0)
        keep.append(first)
        kept = []
        for other in order:
            alike = 0.0
            for joint, sigma in enumerate(SIGMAS):
                x, y = people.joints[other, joint, :2] - people.joints[first, joint, :2]
                variance = (sigma * 2) ** 2
                alike += np.exp(
                    -(x**2 + y**2) / variance / ((people.areas[first] + people.areas[other]) / 2 + np.spacing(1)) / 2
                )
            if alike / len(SIGMAS) <= threshold:
                kept.append(other)
        order = kept
    return keep


def found(seed: int, n: int = 12) -> FoundPeople:
    """People of whom some are nearly the same."""
    rng = np.random.default_rng(seed)
    bases = rng.uniform(0, 200, (4, 17, 2))
    points = bases[rng.integers(0, 4, n)] + rng.normal(0, rng.choice([0.5, 3.0, 12.0], (n, 1, 1)), (n, 17, 2))
    joints = np.concatenate([points, rng.uniform(0, 1, (n, 17, 1))], axis=2)
    return FoundPeople(joints, rng.uniform(0.1, 1, n), rng.uniform(2000, 20000, n))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("threshold", [0.2, 0.9])
def test_as_published(seed: int, threshold: float) -> None:
    people = found(seed)
    np.testing.assert_allclose(
        person_scores(people.joints, people.scores, threshold), plain_scores(people.joints, people.scores, threshold)
    )
    kept = suppressed(people, SIGMAS, threshold)
    assert kept.tolist() == plain_suppressed(people, threshold)
    assert 1 < len(kept) <= len(people)


def test_nobody_and_nothing_sure() -> None:
    nobody = found(0).select(np.zeros(0, np.intp))
    assert suppressed(nobody, SIGMAS, 0.9).tolist() == []
    people = found(0)
    people.joints[..., 2] = 0.1
    assert person_scores(people.joints, people.scores, 0.2).tolist() == [0.0] * len(people)
