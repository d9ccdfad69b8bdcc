"""A COCO store keeps what scoring needs: pycocotools sees the same images, people, areas and crowds in its file."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hcmoco_bench.body import joint_set
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.store.kinds.keypoints import KeypointStore
from hcmoco_bench.store.verify import verify_store

FILE = "annotations/person_keypoints_train2017.json"


@pytest.fixture
def root(generated_coco: Path, tmp_path: Path) -> Path:
    """Generated COCO with an image of nobody, one of a crowd, and one with a crowd and a person without joints."""
    root = shutil.copytree(generated_coco, tmp_path / "coco")
    content = json.loads((root / FILE).read_text())
    image, annotation = content["images"][0], content["annotations"][0]
    nobody = {"keypoints": [0] * 51, "num_keypoints": 0}
    for number in (101, 102):
        content["images"].append(image | {"id": number, "file_name": f"{number:012d}.jpg"})
        shutil.copy(root / "train2017" / image["file_name"], root / "train2017" / f"{number:012d}.jpg")
    content["annotations"] += [
        annotation
        | nobody
        | {"id": 901, "image_id": 102, "iscrowd": 1, "bbox": [1.0, 2.0, 30.0, 40.5], "area": 700.25},
        annotation | nobody | {"id": 902, "iscrowd": 1, "area": 12.0},
        annotation | nobody | {"id": 903, "area": 55.5},
    ]
    (root / FILE).write_text(json.dumps(content))
    return root


def as_coco(store: KeypointStore, split: str) -> dict[str, Any]:
    """The split as COCO annotations, from the store's rows alone."""
    rows = list(store.rows(split))
    annotations = []
    for number, row in enumerate(rows):
        for person in [*row["people"], *row["ignored"]]:
            joints, state = np.array(person["joints"]), np.array(person["state"])
            points = np.column_stack([joints, state]).ravel().tolist()
            annotations.append(
                {
                    "id": int(person["person_id"]),
                    "image_id": number + 1,
                    "category_id": 1,
                    "iscrowd": int(person["iscrowd"]),
                    "area": person["area"],
                    "bbox": person.get("box") or [0.0, 0.0, 0.0, 0.0],
                    "keypoints": points,
                    "num_keypoints": int((state > 0).sum()),
                }
            )
    images = [
        {"id": number + 1, "file_name": row["image"]["path"], "width": row["width"], "height": row["height"]}
        for number, row in enumerate(rows)
    ]
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}


def load(path: Path) -> COCO:
    with contextlib.redirect_stdout(io.StringIO()):
        return COCO(str(path))


def scores(truth: COCO, offset: float) -> np.ndarray:
    """OKS scores of predictions: all people of the file, moved a little, and somebody in every image."""
    found = []
    for image in truth.getImgIds():
        name = truth.loadImgs(image)[0]["file_name"]
        for annotation in sorted(truth.loadAnns(truth.getAnnIds(image)), key=lambda one: one["id"]):
            points = np.array(annotation["keypoints"], float).reshape(17, 3) + np.array([offset, offset, 0])
            found.append((image, points, 0.9 - annotation["id"] / 10000))
        invented = np.full((17, 3), 20.0 + int(name[:12]) % 7)
        invented[:, 0] += np.arange(17)
        found.append((image, invented, 0.5))
    results = [
        {"image_id": image, "category_id": 1, "keypoints": points.ravel().tolist(), "score": score}
        for image, points, score in found
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(results), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def test_pycocotools_sees_the_same_people(root: Path, tmp_path: Path) -> None:
    store = prepare_keypoints("coco", root, tmp_path / "store", rows_per_shard=2).store
    assert verify_store(store.path).passed
    assert store.manifest.joint_names == joint_set("coco17").joints
    assert store.capabilities.generated is True
    assert store.manifest.problems == {"crowd": 2, "no_joints": 1}
    assert all(problem.kept for problem in store.problems())
    truth = load(root / FILE)
    rows = {row["image"]["path"]: row for row in store.rows("train")}
    assert list(rows) == sorted(image["file_name"] for image in truth.loadImgs(truth.getImgIds()))
    assert store.splits["train"].ids == tuple(name.removesuffix(".jpg") for name in rows)
    for image in truth.loadImgs(truth.getImgIds()):
        row = rows[image["file_name"]]
        expected = {entry["id"]: entry for entry in truth.loadAnns(truth.getAnnIds(image["id"]))}
        found = {int(person["person_id"]): person for person in [*row["people"], *row["ignored"]]}
        assert found.keys() == expected.keys()
        for number, person in found.items():
            assert (person["area"], person["iscrowd"]) == (expected[number]["area"], bool(expected[number]["iscrowd"]))
            assert person["box"] == expected[number]["bbox"]
            assert truth.dataset["annotations"][person["place"]]["id"] == number
        assert row["number"] == image["id"]
        crowds = truth.getAnnIds(image["id"], iscrowd=True)
        assert [int(person["person_id"]) for person in row["ignored"] if person["iscrowd"]] == crowds
        learned = [entry for entry in expected.values() if entry["num_keypoints"] and not entry["iscrowd"]]
        assert [person["person_id"] for person in row["people"]] == [str(entry["id"]) for entry in learned]
        boxes = {person["person_id"]: person["box"] for person in row["ignored"]}
        assert boxes == {name: expected[int(name)]["bbox"] for name in boxes}
    assert rows["000000000101.jpg"]["people"] == rows["000000000101.jpg"]["ignored"] == []
    assert rows["000000000102.jpg"]["people"] == []


def test_scores_from_the_store_are_those_of_the_file(root: Path, tmp_path: Path) -> None:
    store = prepare_keypoints("coco", root, tmp_path / "store").store
    own = tmp_path / "own.json"
    own.write_text(json.dumps(as_coco(store, "train")))
    for offset in (0.0, 1.0, 3.0):
        expected = scores(load(root / FILE), offset)
        assert (expected[[0, 5]] > 0).all()
        np.testing.assert_array_equal(scores(load(own), offset), expected)


def test_mpii_states_no_areas_and_no_crowds(generated_mpii: Path, tmp_path: Path) -> None:
    store = prepare_keypoints("mpii", generated_mpii, tmp_path / "store").store
    assert verify_store(store.path).passed
    people = [person for split in store.stored_splits for row in store.rows(split) for person in row["people"]]
    assert people
    assert {(person["area"], person["iscrowd"]) for person in people} == {(None, False)}
    assert store.manifest.joint_names == joint_set("mpii16").joints
