"""COCO's JSON: 17 joints with three states, squares around boxes, and what can be wrong with an entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.coco import find_annotations, read_annotations

KEYPOINTS = [value for i in range(17) for value in ((0, 0, 0) if i == 0 else (10 + i, 20 + i, 1 + i % 2))]
GOOD: dict[str, Any] = {
    "id": 7,
    "image_id": 3,
    "category_id": 1,
    "iscrowd": 0,
    "bbox": [10.0, 20.0, 40.0, 60.0],
    "keypoints": KEYPOINTS,
}
IMAGE = {"id": 3, "file_name": "000000000003.jpg", "width": 200, "height": 100}


def write(path: Path, *annotations: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": [IMAGE], "annotations": annotations}))
    return path


def test_a_person_by_hand(tmp_path: Path) -> None:
    path = write(tmp_path / "annotations" / "person_keypoints_val2017.json", GOOD, GOOD | {"category_id": 18, "id": 8})
    (tmp_path / "val2017").mkdir()
    assert find_annotations(tmp_path) == {"validation": path}
    found = read_annotations(path, tmp_path)
    assert found.joint_set == "coco17"
    (photograph,) = found.photographs
    assert photograph.path == tmp_path / "val2017" / "000000000003.jpg"
    assert photograph.size == (200, 100)
    (person,) = photograph.people
    assert person.id == "7"
    assert person.state.tolist() == [0] + [1 + i % 2 for i in range(1, 17)]
    assert person.joints[0].tolist() == [0, 0]
    assert person.joints[4].tolist() == [14, 24]
    # The box reaches from px edge 10 to 50 and 20 to 80; px centers are half a px less.
    assert person.center.tolist() == [29.5, 49.5]
    assert person.scale == pytest.approx(1.25 * 60 / 200)
    assert found.problems == ()


def test_a_box_is_cut_to_the_image(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", GOOD | {"bbox": [-10.0, 40.0, 30.0, 500.0]})
    (person,) = read_annotations(path, tmp_path).photographs[0].people
    assert person.center.tolist() == [9.5, 69.5]
    assert person.scale == pytest.approx(1.25 * 60 / 200)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"keypoints": [0] * 51}, "no_joints"),
        ({"iscrowd": 1}, "crowd"),
        ({"keypoints": [1] * 50}, "annotation_wrong"),
        ({"keypoints": [3] * 51}, "annotation_wrong"),
        ({"keypoints": [float("nan")] * 51}, "annotation_wrong"),
        ({"keypoints": None}, "annotation_wrong"),
        ({"bbox": [1, 2, 3]}, "annotation_wrong"),
        ({"bbox": [500.0, 2.0, 3.0, 3.0]}, "annotation_wrong"),
        ({"bbox": [5.0, 2.0, 0.0, 3.0]}, "annotation_wrong"),
        ({"image_id": 4}, "annotation_wrong"),
    ],
)
def test_people_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], kind: str) -> None:
    found = read_annotations(write(tmp_path / "a.json", GOOD, GOOD | {"id": 9} | change), tmp_path)
    assert [(problem.id, problem.kind) for problem in found.problems] == [("9", kind)]
    assert len(found.photographs[0].people) == 1
    ignored = kind in ("no_joints", "crowd")
    assert [(person.id, person.crowd) for person in found.photographs[0].ignored] == [("9", kind == "crowd")] * ignored
    assert found.problems[0].kept == ignored


@pytest.mark.parametrize("content", ["[", "[]", "{}", '{"images": [], "annotations": [{}]}', '{"images": [{"id": 1}]}'])
def test_other_files(tmp_path: Path, content: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(DataError) as error:
        read_annotations(path, tmp_path)
    assert error.value.kind == "annotations_unreadable"


@pytest.mark.real
def test_real_people(real_files: Path) -> None:
    root = real_files / "coco"
    (path,) = find_annotations(root).values()
    found = read_annotations(path, root)
    content = json.loads(path.read_text())
    usable = {str(entry["id"]): entry for entry in content["annotations"] if max(entry["keypoints"]) > 0}
    people = {person.id: (person, photograph) for photograph in found.photographs for person in photograph.people}
    assert set(people) == set(usable)
    assert len(found.problems) == len(content["annotations"]) - len(usable)
    for key, (person, photograph) in people.items():
        assert (person.state > 0).sum() == usable[key]["num_keypoints"]
        assert photograph.path.is_file()
        known = person.joints[person.state > 0]
        # Joints lie in the person's square, but for an annotator's slip of a few px.
        assert (np.abs(known - person.center) <= 100 * person.scale + 5).all()
