"""What the files state: numbers as written, people of the right category, and entries that are not of the form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose import read_annotations as read_truth
from hcmoco_bench.sources.densepose import read_annotations
from hcmoco_bench.sources.densepose.records import read_records


def person(number: int = 1, **changes: Any) -> dict[str, Any]:
    entry = {
        "id": number,
        "image_id": 7,
        "category_id": 1,
        "area": 20.5,
        "bbox": [0.1, 0.2, 10.3, 5],
        "dp_x": [0, 127.3],
        "dp_y": [255, 51.7],
        "dp_I": [1, 24],
        "dp_U": [0.1, 0.2],
        "dp_V": [1, 0.3],
        "dp_masks": [[]] * 14,
    }
    return entry | changes


def content(*people: dict[str, Any], **more: Any) -> dict[str, Any]:
    images = [{"id": 7, "width": 64, "height": 48, "file_name": "a.jpg"}]
    return {"images": images, "annotations": list(people)} | more


def test_numbers_are_as_written(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content(person())))
    found = read_records(path)
    assert (found.name, found.sizes, found.file_names) == (str(path), {7: (64, 48)}, {7: "a.jpg"})
    (entry,) = found.people
    one = entry.read()
    assert (entry.image, one.id, one.area, one.crowd, one.segmentation) == (7, 1, 20.5, False, None)
    assert one.box.tolist() == [0.1, 0.2, 10.3, 5.0]
    assert one.points is not None
    assert one.points.tolist() == [[0.0, 255.0, 1.0, 0.1, 1.0], [127.3, 51.7, 24.0, 0.2, 0.3]]


def test_learning_and_scoring_start_from_the_same_people(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"image")
    path = tmp_path / "a.json"
    bare = dict.fromkeys(("dp_x", "dp_y", "dp_I", "dp_U", "dp_V", "dp_masks"))
    path.write_text(json.dumps(content(person(1), person(2, **bare), person(3, iscrowd=1))))
    (learned,), scored = read_annotations(path, tmp_path).images, read_truth(path)[7]
    assert [each.id for each in learned.people] == scored.ids.tolist() == [1, 2, 3]
    assert [each.crowd for each in learned.people] == scored.crowd.tolist() == [False, False, True]
    # Nothing is learned from a crowd, but its points are looked for when it is scored.
    assert [each.surface is not None for each in learned.people] == [True, False, False]
    assert scored.dense.tolist() == [True, False, True]
    surface = learned.people[0].surface
    assert surface is not None
    np.testing.assert_allclose([0.1, 0.2] + surface.xy * [10.3, 5.0], scored.xy[scored.owner == 0], rtol=0, atol=1e-5)
    np.testing.assert_array_equal(surface.part, scored.part[scored.owner == 0])


@pytest.mark.parametrize(
    ("categories", "category", "kept"),
    [
        ([], 1, True),
        ([], 2, False),
        ([{"id": 5, "name": "people"}], 5, True),
        ([{"id": 1, "name": "dog"}, {"id": 2, "name": "person"}], 2, True),
        ([{"id": 1, "name": "dog"}, {"id": 2, "name": "person"}], 1, False),
    ],
)
def test_only_people_are_read(categories: list[Any], category: int, kept: bool) -> None:
    found = read_records(content(person(category_id=category), categories=categories))
    assert len(found.people) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        [],
        {"images": 3, "annotations": []},
        {"images": [{"id": 1}], "annotations": []},
        content({"id": 1}),
        content(person(), categories=[{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}]),
    ],
)
def test_other_content_is_refused(wrong: Any) -> None:
    with pytest.raises(DataError, match="COCO's form") as caught:
        read_records(wrong)
    assert caught.value.kind == "annotations_unreadable"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bbox": [1, 2, 3]}, "no bbox of four numbers"),
        ({"bbox": None}, "no bbox of four numbers"),
        ({"bbox": [1, 2, float("nan"), 3]}, "not finite"),
        ({"area": float("inf")}, "not finite"),
        ({"area": "large"}, "no number"),
        ({"dp_U": [0.5]}, r"of one length \(dp_x 2, dp_y 2, dp_I 2, dp_U 1, dp_V 2\)"),
        ({"dp_U": None}, "no dp_x, dp_y"),
        ({"dp_V": ["a", "b"]}, "lists of numbers"),
        ({"dp_x": [[1, 2]], "dp_y": [[1, 2]]}, "of one length"),
    ],
)
def test_entries_that_are_not_of_the_form(changes: dict[str, Any], message: str) -> None:
    (entry,) = read_records(content(person(**changes))).people
    with pytest.raises(ValueError, match=message):
        entry.read()
