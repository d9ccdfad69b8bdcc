"""2-D keypoints: average precision and recall over the object keypoint similarity (OKS), as COCO scores them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.declared_joints import declared_order
from hcmoco_bench.body.joints import JointSet, joint_set
from hcmoco_bench.errors import DataError, LabelError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.whole_numbers import is_set, whole_number
from hcmoco_bench.metrics.average_precision import average_precision, match_columns
from hcmoco_bench.metrics.coco_matching import ImageMatches, best_detections, match_image
from hcmoco_bench.metrics.coco_statistics import CocoStatistics
from hcmoco_bench.metrics.per_sample import require_scored
from hcmoco_bench.metrics.person_category import is_person
from hcmoco_bench.results import Evidence
from hcmoco_bench.runtime.ranks import gather_objects

METRIC: Final = "keypoints"
_UNREADABLE: Final = "annotations_unreadable"


@dataclass(frozen=True, eq=False)
class People:
    """Annotated people of one image, G of them.

    Attributes:
        keypoints: (G, J, 3) x, y in px, and visibility: 0 not annotated, 1 hidden, 2 visible.
        boxes: (G, 4) x, y, width, height, px.
        areas: (G,) px^2.
        crowd: (G,) bool.
        n_keypoints: (G,) annotated joints by the file's own count (`num_keypoints`), which COCO's evaluation goes by:
            people with 0 need not be found. Where the file has no count, it is that of the visibilities.
    """

    keypoints: NDArray[np.float64]
    boxes: NDArray[np.float64]
    areas: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    n_keypoints: NDArray[np.int64]


_NAMED: Final = "coco17"
"""The joint set whose names are written alike everywhere, so that a file's own can be held against them."""


class KeypointMetric:
    """Average precision and recall of people's keypoints, equal to COCO's own evaluation.

    With several processes each detection is given in one of them (the detections of an image may be spread); all call
    `compute` and `evidence`. Images without detections count.

    Args:
        ground_truth: COCO annotations (`images`, `annotations`) of one category, as parsed or as a file.
        joints: Joint set with sigmas, or its name.

    Raises:
        DataError: If they cannot be read, or are no such annotations (`annotations_unreadable`).
        LabelError: If the joint set has no sigmas, or the annotations declare other joints or another order
            (`joints_differ`).
    """

    def __init__(self, ground_truth: Mapping[str, Any] | Path, joints: JointSet | str = "coco17") -> None:
        self.joints = joint_set(joints) if isinstance(joints, str) else joints
        if not self.joints.sigmas:
            raise LabelError(
                f"{self.joints.name} has no sigmas in annotations/joints.toml; keypoint similarity needs one a joint"
            )
        self._people, self._category = _read_people(ground_truth, self.joints)
        self._detections: dict[int, list[tuple[float, NDArray[np.float64]]]] = defaultdict(list)

    def reset(self) -> None:
        """Forget all detections."""
        self._detections.clear()

    def update(self, detections: Sequence[Mapping[str, Any]]) -> None:
        """Take detections in COCO's result format; all or, if one is refused, none.

        Args:
            detections: Records with `image_id`, `keypoints` (x, y in px and a third number that is not used, for each
                joint) and `score`; `category_id` may be missing, and 0, as detectron2 counts, stands for a person.

        Raises:
            DataError: If a record has another form (`prediction_wrong_size`) or category (`prediction_category`),
                numbers that are nan or infinite (`prediction_not_finite`), or belongs to an image that is not annotated
                (`unknown_ids`).
        """
        read = [self._detection(place, one) for place, one in enumerate(detections)]
        unknown = Counter(image for image, _, _ in read if image not in self._people)
        if unknown:
            listed = ", ".join(map(str, list(unknown)[:5])) + (", ..." if len(unknown) > 5 else "")
            raise DataError(
                f"{unknown.total()} detections in {len(unknown)} images that the annotations do not list ({listed}); "
                "give the detections of this split only",
                kind="unknown_ids",
            )
        for image, score, points in read:
            self._detections[image].append((score, points))

    def compute(self) -> CocoStatistics:
        """The ten statistics of the detections of all processes.

        Raises:
            DataError: If there are no images (`nothing_scored`).
        """
        evidence = self.evidence()
        require_scored(evidence)
        return average_precision(evidence)

    def evidence(self) -> Evidence:
        """Per image: scores of its detections, what became of each at every threshold and size, people to be found."""
        whole: dict[int, list[tuple[float, NDArray[np.float64]]]] = defaultdict(list)
        for own in gather_objects(dict(self._detections)):
            for image, found in own.items():
                whole[image] += found
        matches = [self._match(people, whole[image]) for image, people in self._people.items()]
        return Evidence(METRIC, tuple(map(str, self._people)), match_columns(matches), {"joints": self.joints.name})

    def _detection(self, place: int, record: Mapping[str, Any]) -> tuple[int, float, NDArray[np.float64]]:
        n = len(self.joints)
        try:
            image, score = whole_number(record["image_id"]), float(record["score"])
            category = whole_number(record.get("category_id", self._category or 0))
            points = np.array(record["keypoints"], np.float64).reshape(n, 3)[:, :2]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DataError(
                f"detection {place}: {type(error).__name__}: {error}; it needs image_id, score and 3 numbers for each "
                f"of {n} keypoints",
                kind="prediction_wrong_size",
            ) from error
        if not (np.isfinite(points).all() and np.isfinite(score)):
            raise DataError(
                f"detection {place}, image {image}: keypoints or score that are nan or infinite; leave it out",
                kind="prediction_not_finite",
            )
        if self._category is not None and not is_person(category, self._category):
            raise DataError(
                f"detection {place}, image {image}: category {category}, people are {self._category}; leave it out",
                kind="prediction_category",
            )
        return image, score, points

    def _match(self, people: People, found: Sequence[tuple[float, NDArray[np.float64]]]) -> ImageMatches:
        n = len(self.joints)
        scores = np.array([score for score, _ in found], np.float64)
        points = np.array([points for _, points in found], np.float64).reshape(-1, n, 2)
        order = best_detections(scores)
        scores, points = scores[order], points[order]
        ignored = people.crowd | (people.n_keypoints == 0)
        areas = np.ptp(points, axis=1).prod(1) if len(points) else np.zeros(0)
        similarity = keypoint_similarity(points, people, np.array(self.joints.sigmas))
        return match_image(similarity, scores, areas, people.areas, ignored, people.crowd)


def keypoint_similarity(
    points: NDArray[np.float64], people: People, sigmas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """OKS (D, G), 0..1, of predicted points (D, J, 2) in px with annotated people.

    The mean over annotated joints of exp(-d^2 / (2 area (2 sigma)^2)). For people without annotated joints, d is the
    distance from twice their box, over all joints.
    """
    annotated = np.asarray(people.keypoints[:, :, 2] > 0)
    offsets = points[:, None] - people.keypoints[None, :, :, :2]
    size = people.boxes[:, None, 2:]
    low, high = people.boxes[:, None, :2] - size, people.boxes[:, None, :2] + 2 * size
    outside = np.maximum(0, low - points[:, None]) + np.maximum(0, points[:, None] - high)
    nobody = np.asarray(~annotated.any(1))
    squared = (np.where(nobody[None, :, None, None], outside, offsets) ** 2).sum(3)
    exponent = squared / (2 * sigmas) ** 2 / (people.areas + np.spacing(1))[:, None] / 2
    counted = annotated | nobody[:, None]
    return np.asarray(np.where(counted, np.exp(-exponent), 0).sum(2) / np.maximum(counted.sum(1), 1))


def joint_similarities(
    points: NDArray[np.float64], true: NDArray[np.floating], area: float, sigmas: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Similarity (D, J), 0..1, of each joint of predicted people (D, J, 2) to that of one person (J, 2), px."""
    squared = ((points - true) ** 2).sum(2)
    return np.asarray(np.exp(-squared / (2 * sigmas) ** 2 / (area + np.spacing(1)) / 2))


def keypoint_scores(evidence: Evidence) -> dict[str, float]:
    """The ten statistics of `KeypointMetric` by COCO's names (AP, AP50, ...), from its evidence alone."""
    return average_precision(evidence).as_dict()


def _read_people(ground_truth: Mapping[str, Any] | Path, joints: JointSet) -> tuple[dict[int, People], int | None]:
    """People by image id, in the order of the ids; and their category, None without people."""
    where = str(ground_truth) if isinstance(ground_truth, Path) else "annotations"
    n_joints = len(joints)
    try:
        content = read_json(ground_truth, kind=_UNREADABLE) if isinstance(ground_truth, Path) else ground_truth
        entries: dict[int, list[Any]] = {whole_number(image["id"]): [] for image in content["images"]}
        categories = {whole_number(entry["category_id"]) for entry in content["annotations"]}
        if len(categories) > 1:
            raise ValueError(f"categories {sorted(categories)}, where people have one")
        for entry in content["annotations"]:
            entries[whole_number(entry["image_id"])].append(entry)
        people = {image: _people(found, n_joints) for image, found in sorted(entries.items())}
    except (DataError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{where}: not COCO keypoint annotations of {n_joints} joints ({type(error).__name__}: {error}); give the "
            "person_keypoints file of the split",
            kind=_UNREADABLE,
            file=where,
        ) from error
    if joints.name == _NAMED and (declared_order(content, joints, source=where) != np.arange(n_joints)).any():
        raise LabelError(
            f"{where}: declares the joints of {joints.name} in another order, which detections may or may not follow; "
            "bring both into COCO's order",
            kind="joints_differ",
            file=where,
        )
    return people, next(iter(categories), None)


def _people(entries: Sequence[Mapping[str, Any]], n_joints: int) -> People:
    keypoints = np.array([entry["keypoints"] for entry in entries], np.float64).reshape(len(entries), n_joints, 3)
    visible = (keypoints[:, :, 2] > 0).sum(1).tolist()
    return People(
        keypoints,
        np.array([entry["bbox"] for entry in entries], np.float64).reshape(len(entries), 4),
        np.array([entry["area"] for entry in entries], np.float64),
        np.array([is_set(entry.get("iscrowd")) for entry in entries], bool),
        np.array(
            [whole_number(entry.get("num_keypoints", number)) for entry, number in zip(entries, visible, strict=True)],
            np.int64,
        ),
    )
