"""Scoring of COCO's people by keypoint similarity and of MPII's by PCKh, from found joints to evidence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.metrics.keypoints import KeypointMetric
from hcmoco_bench.metrics.pckh import PckhMetric
from hcmoco_bench.results.evidence import Evidence
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.pose2d.data import coco_truth, image_numbers, pose_source
from hcmoco_bench.tasks.pose2d.people import FoundPeople, person_scores, suppressed
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings
from hcmoco_bench.uniform import spread


class PoseScoring(ABC):
    """Takes found joints of a split, batch by batch, and gives the evidence.

    Args:
        data: The split.
        sheet_size: Number of images whose people are kept for the sheet.

    Attributes:
        found: Joints (D, J, 3) of the people that were found in the images of the sheet, by row of the image, the best
            person first.
    """

    def __init__(self, data: TaskData, sheet_size: int = 0) -> None:
        self.source = pose_source(data)
        self.images = self.source.images(data.ids)
        self.sigmas = np.array(joint_set(self.source.split.joints).sigmas)
        with_people = np.intersect1d(self.images, self.source.split.people.image)
        self.found: dict[int, NDArray[np.float64]] = {
            int(image): np.zeros((0, len(joint_set(self.source.split.joints)), 3))
            for image in spread(with_people.tolist(), sheet_size)
        }

    @abstractmethod
    def add(self, boxes: NDArray[np.int64], joints: NDArray[np.float64], config: Pose2dSettings) -> None:
        """Take the joints (K, J, 3), px of the image and score, that a model found in rectangles (K,) of the split.

        All rectangles of an image come together.
        """

    @abstractmethod
    def evidence(self) -> Evidence:
        """The evidence of all processes."""

    def _keep(self, image: int, joints: NDArray[np.float64]) -> None:
        if image in self.found:
            self.found[image] = np.concatenate([self.found[image], joints])


class CocoScoring(PoseScoring):
    """Average precision over keypoint similarity; see `PoseScoring`."""

    def __init__(self, data: TaskData, sheet_size: int = 0) -> None:
        super().__init__(data, sheet_size)
        split = self.source.split
        self.numbers = image_numbers(split)
        self.metric = KeypointMetric(coco_truth(split, self.images), split.joints)

    def add(self, boxes: NDArray[np.int64], joints: NDArray[np.float64], config: Pose2dSettings) -> None:
        """See `PoseScoring.add`; scores are those of boxes and joints together, and people found twice are left out."""
        all_boxes = self.source.boxes
        images = all_boxes.image[boxes]
        for image in dict.fromkeys(images.tolist()):
            here = images == image
            own, points = boxes[here], joints[here]
            scores = person_scores(points, all_boxes.scores[own], config.joint_threshold)
            people = FoundPeople(points, scores, all_boxes.sizes[own].prod(1))
            people = people.select(suppressed(people, self.sigmas, config.suppress))
            self._keep(image, people.joints)
            self.metric.update(
                [
                    {"image_id": self.numbers[image], "keypoints": one.ravel().tolist(), "score": float(score)}
                    for one, score in zip(people.joints, people.scores, strict=True)
                ]
            )

    def add_records(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Take people in COCO's results form, as they are."""
        self.metric.update(records)
        row = {number: image for image, number in enumerate(self.numbers)}
        n_joints = len(self.sigmas)
        for record in sorted(records, key=lambda one: -one["score"]):
            self._keep(row[record["image_id"]], np.array(record["keypoints"], np.float64).reshape(1, n_joints, 3))

    def evidence(self) -> Evidence:
        """See `PoseScoring.evidence`; images are called as in the store."""
        names = {str(number): name for number, name in zip(self.numbers, self.source.split.image_ids, strict=True)}
        evidence = self.metric.evidence()
        return replace(evidence, sample_ids=tuple(names[number] for number in evidence.sample_ids))


class MpiiScoring(PoseScoring):
    """PCKh; see `PoseScoring`."""

    def __init__(self, data: TaskData, sheet_size: int = 0) -> None:
        super().__init__(data, sheet_size)
        self.metric = PckhMetric(self.source.split.joints)

    def add(self, boxes: NDArray[np.int64], joints: NDArray[np.float64], config: Pose2dSettings) -> None:
        """See `PoseScoring.add`."""
        self.add_people(self.source.boxes.person[boxes], joints)

    def add_people(self, people: NDArray[np.int64], joints: NDArray[np.float64]) -> None:
        """Take the joints (K, J, 2 or 3), px of the image, of annotated people (K,)."""
        split = self.source.split.people
        self.metric.update(
            joints[..., :2],
            split.joints[people],
            split.state[people] > 0,
            split.head_boxes[people],
            [split.ids[person] for person in people],
        )
        for person, points in zip(people.tolist(), joints, strict=True):
            shown = points if points.shape[1] == 3 else np.concatenate([points, np.ones((len(points), 1))], axis=1)
            self._keep(int(split.image[person]), shown[None])

    def evidence(self) -> Evidence:
        """See `PoseScoring.evidence`."""
        return self.metric.evidence()
