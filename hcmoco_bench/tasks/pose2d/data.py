"""COCO's and MPII's people as a task's data: rows, ids, boxes, and what scoring compares with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.data.pose2d_crops import PoseBoxes, PoseCrops, annotated_boxes, collate_poses
from hcmoco_bench.data.pose_split import PosePeople, PoseSplit, read_pose_split
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import file_sha256, fingerprint
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.whole_numbers import whole_number
from hcmoco_bench.metrics.person_category import PERSON
from hcmoco_bench.store.manifest import MANIFEST_FILE
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.store import AnyStore
from hcmoco_bench.tasks.core.task_data import TaskData
from hcmoco_bench.tasks.core.uniform import uniform_rows
from hcmoco_bench.tasks.pose2d.boxes import detected_boxes
from hcmoco_bench.tasks.pose2d.record import TASK, PoseProtocol
from hcmoco_bench.tasks.pose2d.settings import Pose2dSettings

TRAIN: Final = "train"
_MAKER: Final = {"coco17": "coco", "mpii16": "mpii"}


def crop_size(config: Pose2dSettings, protocol: PoseProtocol) -> tuple[int, int]:
    """Width and height of the crops, px.

    Raises:
        UsageError: If one of them is no multiple of 4, the heatmaps' stride.
    """
    aspect = protocol.aspect if config.aspect is None else config.aspect
    width = round(aspect * config.image_size)
    if width % 4 or config.image_size % 4:
        raise UsageError(
            f"{TASK}: crops of {width}x{config.image_size} px; both sides must be multiples of 4, so choose another "
            "--size or aspect"
        )
    return width, config.image_size


def open_pose(config: Pose2dSettings, protocol: PoseProtocol, split: str, *, train: bool) -> TaskData:
    """Open a split; see `Task.open_data`.

    Rows of the training split are people, and so are those of MPII's validation split; rows of COCO's validation split
    are images, with a crop for each box.
    """
    store = _open(config, protocol)
    name, _, percent = split.partition("_")
    if name not in store.stored_splits or (percent and name != TRAIN):
        there = ", ".join(store.stored_splits)
        raise UsageError(f"{TASK}: {store.path} has no split {split!r}; there are {there}, and train_<percent>")
    source = read_pose_split(store, name)
    by_image = protocol.detects and name != TRAIN
    size = crop_size(config, protocol)
    boxes, problems = annotated_boxes(source, size[0] / size[1]), list(store.problems())
    if by_image and config.boxes is not None:
        boxes, lost = detected_boxes(Path(config.boxes), source, image_numbers(source), size[0] / size[1], config)
        problems += lost
    changes = config.changes() if train else None
    if by_image:
        ids, expected = source.image_ids, store.splits[name].ids
        rows: list[list[int]] = [[] for _ in ids]
        for box, image in enumerate(boxes.image.tolist()):
            rows[image].append(box)
    else:
        expected = source.people.ids
        chosen = np.arange(len(expected))
        if not protocol.detects and not train:
            chosen = np.flatnonzero(np.isfinite(source.people.head_boxes[:, 0]))
            _require_heads(store.path, name, chosen, expected)
        ids, rows = tuple(expected[row] for row in chosen), [[int(row)] for row in chosen]
    if not expected or (train and not ids):
        raise DataError(f"{source.name}: has nobody to learn from", kind="nothing_to_train")
    missing = set(expected) - set(ids)
    data = TaskData(
        dataset=PoseCrops(source, boxes, rows, ids, size=size, changes=changes, seed=config.seed),
        collate=collate_poses,
        ids=ids,
        name=store.kind.dataset(store.manifest),
        generated=bool(store.capabilities.generated),
        split=split,
        expected=expected,
        split_sha256=store.splits[name].sha256 if by_image else fingerprint(expected),
        manifest_sha256=file_sha256(store.path / MANIFEST_FILE),
        problems=tuple(one for one in problems if _about(one, store, missing)),
        groups=None if by_image else tuple(source.image_ids[source.people.image[row[0]]] for row in rows),
    )
    return data.subset(uniform_rows(len(data), percent, task=TASK), split=split) if percent else data


@dataclass(frozen=True, eq=False)
class PoseSource:
    """What a task's data was made from.

    Attributes:
        crops: The data set of the whole split.
        rows: (N,) rows of it that the data has.
    """

    crops: PoseCrops
    rows: NDArray[np.intp]

    @property
    def split(self) -> PoseSplit:
        """The images and people of the whole split."""
        return self.crops.split

    @property
    def boxes(self) -> PoseBoxes:
        """The rectangles of the whole split."""
        return self.crops.boxes

    def people(self) -> NDArray[np.intp]:
        """(N,) the person of each row, where rows are people."""
        return np.array([self.crops.rows[row][0] for row in self.rows], np.intp)

    def images(self, ids: Sequence[str]) -> NDArray[np.intp]:
        """Images of the data, by row of the split, in its order: those called by an id, or with people who are."""
        wanted = set(ids)
        named = [row for row, name in enumerate(self.split.image_ids) if name in wanted]
        shown = [
            int(row) for row, name in zip(self.split.people.image, self.split.people.ids, strict=True) if name in wanted
        ]
        return np.unique(np.array(named or shown, np.intp))


def pose_source(data: TaskData) -> PoseSource:
    """The images and people that data is of; raises TypeError for data of another task."""
    return PoseSource(*data.source(PoseCrops))


def image_numbers(split: PoseSplit) -> tuple[int, ...]:
    """COCO's id of each image; of stores of version 2, which do not keep it, the number in the file's name.

    Raises:
        DataError: Kind `image_numbers_missing`, if the images have neither; or two have the same.
    """
    try:
        found = tuple(
            whole_number(name) if number is None else number
            for name, number in zip(split.image_ids, split.numbers, strict=True)
        )
    except ValueError as error:
        raise DataError(
            f"{split.name}: the store does not keep COCO's ids of its images, and their names are no numbers "
            f"({error}); prepare it again",
            kind="image_numbers_missing",
        ) from error
    if len(set(found)) != len(found):
        raise DataError(f"{split.name}: two images have the same id", kind="image_numbers_missing")
    return found


def coco_truth(split: PoseSplit, images: NDArray[np.intp]) -> dict[str, Any]:
    """COCO annotations of some images, as `KeypointMetric` and pycocotools take them.

    Raises:
        DataError: Kind `areas_missing`, if the store does not state areas, as those of version 1.
    """
    numbers, chosen = image_numbers(split), set(images.tolist())
    entries = [
        entry for people in (split.people, split.ignored) for entry in _entries(people, numbers, chosen, split.name)
    ]
    entries.sort(key=lambda entry: entry[0])  # as in the file: of equal similarities, the order decides
    return {
        "images": [
            {"id": numbers[image], "width": int(split.sizes[image, 0]), "height": int(split.sizes[image, 1])}
            for image in images.tolist()
        ],
        "annotations": [{"id": number, **entry} for number, (_, entry) in enumerate(entries, 1)],
        "categories": [{"id": PERSON, "name": "person"}],
    }


def _entries(
    people: PosePeople, numbers: Sequence[int], chosen: set[int], name: str
) -> list[tuple[int, dict[str, Any]]]:
    """COCO's entries of the people in some images, each with its number in the annotation file."""
    rows = [row for row, image in enumerate(people.image.tolist()) if image in chosen]
    if np.isnan(people.areas[rows]).any():
        raise DataError(
            f"{name}: the store does not state the areas of people, by which keypoint similarity measures; prepare it "
            "again",
            kind="areas_missing",
        )
    points = np.concatenate([people.joints.astype(np.float64), people.state[..., None]], axis=2)
    return [
        (
            int(people.places[row]),
            {
                "image_id": numbers[people.image[row]],
                "category_id": PERSON,
                "keypoints": points[row].ravel().tolist(),
                "num_keypoints": int((people.state[row] > 0).sum()),
                "bbox": np.nan_to_num(people.boxes[row]).tolist(),
                "area": float(people.areas[row]),
                "iscrowd": int(people.crowd[row]),
            },
        )
        for row in rows
    ]


def _open(config: Pose2dSettings, protocol: PoseProtocol) -> AnyStore:
    if len(config.stores) != 1:
        raise UsageError(f"{TASK} reads one store of photographs; give --store once")
    store = open_store(Path(config.stores[0]), "people")
    joints = str(store.capabilities.joints)
    if joints != protocol.joints:
        raise UsageError(
            f"{TASK}: {store.path} has the joints {joints}, and protocol {protocol.name} scores {protocol.joints}; "
            f"give a store of prepare {_MAKER[protocol.joints]}, or another --protocol"
        )
    return store


def _require_heads(path: Path, split: str, chosen: NDArray[np.intp], expected: Sequence[str]) -> None:
    if expected and not len(chosen):
        raise DataError(
            f"{path}: nobody in split {split} has the box of a head, by which PCKh measures; they are published for "
            "the validation images alone: put gt_valid.mat beside valid.json and prepare the store again",
            kind="head_boxes_missing",
            file=str(path),
        )


def _about(problem: Problem, store: AnyStore, missing: set[str]) -> bool:
    """Whether a problem line is about what is missing, or about the boxes."""
    return problem.kind.startswith("box") or problem.id in missing or store.kind.problem_row(problem) in missing
