"""MPII's JSON: counted from 1, squares moved and enlarged as published, and what can be wrong with an entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.mpii import find_annotations, read_annotations

GOOD: dict[str, Any] = {
    "image": "1.jpg",
    "joints": [[10.0 + i, 20.0 + i] for i in range(16)],
    "joints_vis": [1] * 15 + [0],
    "center": [101.0, 201.0],
    "scale": 2.0,
}


def write(folder: Path, entries: Any) -> Path:
    path = folder / "people.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return path


def test_a_person_by_hand(tmp_path: Path) -> None:
    found = read_annotations(write(tmp_path, [GOOD, GOOD | {"image": "0.jpg"}, GOOD]), tmp_path)
    assert found.joint_set == "mpii16"
    assert [photograph.name for photograph in found.photographs] == ["0.jpg", "1.jpg"]
    assert found.photographs[1].path == tmp_path / "1.jpg"
    assert [person.id for person in found.photographs[1].people] == ["1_00", "1_01"]
    person = found.photographs[1].people[0]
    assert person.joints[0].tolist() == [9.0, 19.0]
    assert person.state.tolist() == [2] * 15 + [0]
    assert person.joints[15].tolist() == [0.0, 0.0]
    # 15 x 2 down, then from 0; the scale afterwards.
    assert person.center.tolist() == [100.0, 230.0]
    assert person.scale == 2.5
    assert found.problems == ()


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"joints_vis": [0] * 16}, "no_joints"),
        ({"joints": [[1, 2]] * 15}, "annotation_wrong"),
        ({"joints": [[1, 2, 3]] * 16}, "annotation_wrong"),
        ({"joints": [[1, float("nan")]] * 16}, "annotation_wrong"),
        ({"joints_vis": [1] * 15}, "annotation_wrong"),
        ({"center": [1]}, "annotation_wrong"),
        ({"center": None}, "annotation_wrong"),
        ({"scale": 0}, "annotation_wrong"),
        ({"scale": float("inf")}, "annotation_wrong"),
        ({"scale": "large"}, "annotation_wrong"),
    ],
)
def test_people_that_cannot_be_used(tmp_path: Path, change: dict[str, Any], kind: str) -> None:
    found = read_annotations(write(tmp_path, [GOOD, GOOD | change]), tmp_path)
    assert [(problem.id, problem.kind) for problem in found.problems] == [("1_01", kind)]
    assert len(found.photographs[0].people) == 1
    alone = read_annotations(write(tmp_path, [GOOD | change]), tmp_path)
    assert [(photograph.name, photograph.people) for photograph in alone.photographs] == [("1.jpg", ())]
    assert [person.id for person in alone.photographs[0].ignored] == (["1_00"] if kind == "no_joints" else [])
    assert [problem.kept for problem in alone.problems] == [kind == "no_joints"]
    without = {key: value for key, value in GOOD.items() if key not in change}
    assert read_annotations(write(tmp_path, [without]), tmp_path).problems[0].kind == "annotation_wrong"


@pytest.mark.parametrize("content", ["{", "{}", "[1]", '[{"photo": 1}]', '"text"'])
def test_other_files(tmp_path: Path, content: str) -> None:
    with pytest.raises(DataError) as error:
        read_annotations(write(tmp_path, content), tmp_path)
    assert error.value.kind == "annotations_unreadable"
    assert "people.json" in str(error.value)


def test_where_annotations_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"neither annot/train\.json"):
        find_annotations(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_annotations(tmp_path / "nowhere")
    own = write(tmp_path, [GOOD])
    assert find_annotations(tmp_path) == {"train": own}
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot" / "valid.json").write_text("[]")
    assert find_annotations(tmp_path) == {"validation": tmp_path / "annot" / "valid.json"}


@pytest.mark.real
def test_real_people(real_files: Path) -> None:
    root = real_files / "mpii"
    (path,) = find_annotations(root).values()
    found = read_annotations(path, root)
    entries = json.loads(path.read_text())
    assert sum(len(photograph.people) for photograph in found.photographs) + len(found.problems) == len(entries)
    for photograph in found.photographs:
        height, width = cv2.imread(str(photograph.path)).shape[:2]
        for person in photograph.people:
            known = person.joints[person.state > 0]
            assert ((known >= 0) & (known < (width, height))).all()
            # The square holds the person, as it was enlarged for.
            assert (np.abs(known - person.center) <= 100 * person.scale).all()
