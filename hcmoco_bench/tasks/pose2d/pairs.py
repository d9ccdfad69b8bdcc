"""Predicted people beside the annotated ones of the same image, to find out what predictions are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.pose_split import PoseSplit
from hcmoco_bench.tasks.pose2d.data import PoseSource
from hcmoco_bench.tasks.pose2d.readings import PosePairs


def coco_pairs(split: PoseSplit, numbers: Sequence[int], records: Sequence[Mapping[str, Any]]) -> PosePairs:
    """Every detection of a results file with every annotated person of its image.

    Args:
        split: The images and people.
        numbers: COCO's id of each image.
        records: Detections in COCO's results form, with finite numbers.
    """
    by_image: dict[int, list[int]] = defaultdict(list)
    row = {number: image for image, number in enumerate(numbers)}
    for place, record in enumerate(records):
        by_image[row[record["image_id"]]].append(place)
    chosen = [
        (person, place) for person, image in enumerate(split.people.image.tolist()) for place in by_image.get(image, ())
    ]
    people, detections = (
        (np.array(one, np.int64) for one in zip(*chosen, strict=True)) if chosen else (_none(), _none())
    )
    n_joints = split.people.state.shape[1]
    joints = np.array([record["keypoints"] for record in records], np.float64).reshape(len(records), n_joints, 3)
    return _pairs(split, people, detections, joints[detections, :, :2])


def mpii_pairs(source: PoseSource, found: NDArray[np.float64]) -> PosePairs:
    """Each of MPII's people with the joints (N, J, 2) that were predicted for them."""
    return _pairs(source.split, source.people().astype(np.int64), np.arange(len(found)), found)


def _pairs(
    split: PoseSplit, people: NDArray[np.int64], detections: NDArray[np.int64], found: NDArray[np.float64]
) -> PosePairs:
    squares = split.people.squares[people]
    return PosePairs(
        found=found,
        true=split.people.joints[people].astype(np.float64),
        known=split.people.state[people] > 0,
        sizes=split.sizes[split.people.image[people]].astype(np.float64),
        centers=squares[:, :2],
        sides=squares[:, 2],
        person=people,
        detection=detections,
    )


def _none() -> NDArray[np.int64]:
    return np.zeros(0, np.int64)
