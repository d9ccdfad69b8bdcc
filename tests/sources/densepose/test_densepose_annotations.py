"""Reading DensePose-COCO's form: what is right, what is left out and counted, what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as run_lengths

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.densepose import find_annotations, find_body, read_annotations, read_body


def _masks():
    square = np.zeros((256, 256), np.uint8, order="F")
    square[:128] = 1
    half = run_lengths.encode(square)
    return [{"size": [256, 256], "counts": half["counts"].decode()}, *([[]] * 13)]


def _person(number, image=1, **changes):
    entry = {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "iscrowd": 0,
        "area": 50.0,
        "bbox": [10.0, 20.0, 10.0, 5.0],
        "dp_x": [0.0, 127.5, 255.0],
        "dp_y": [0.0, 51.0, 255.0],
        "dp_I": [1.0, 2.0, 24.0],
        "dp_U": [0.0, 0.25, 1.0],
        "dp_V": [0.5, 0.75, 0.0],
        "dp_masks": _masks(),
    }
    return {key: value for key, value in {**entry, **changes}.items() if value is not None}


def _data_set(root, people, n_images=1):
    (root / "train2014").mkdir(parents=True)
    (root / "annotations").mkdir()
    names = [f"COCO_train2014_{number:012d}.jpg" for number in range(1, n_images + 1)]
    for name in names:
        (root / "train2014" / name).write_bytes(b"image")
    images = [{"id": i, "file_name": name, "width": 64, "height": 48} for i, name in enumerate(names, 1)]
    path = root / "annotations" / "densepose_coco_2014_train.json"
    path.write_text(json.dumps({"images": images, "annotations": people, "categories": []}))
    return path


def test_points_and_masks_are_read(tmp_path):
    path = _data_set(tmp_path, [_person(7)])
    found = read_annotations(path, tmp_path)
    (image,) = found.images
    (person,) = image.people
    assert image.path == tmp_path / "train2014" / "COCO_train2014_000000000001.jpg"
    assert image.size == (64, 48)
    np.testing.assert_array_equal(person.box, [10, 20, 20, 25])
    np.testing.assert_allclose(person.surface.xy, [[0, 0], [0.5, 0.2], [1, 1]], atol=1e-7)
    np.testing.assert_array_equal(person.surface.part, [1, 2, 24])
    np.testing.assert_array_equal(person.surface.uv, [[0, 0.5], [0.25, 0.75], [1, 0]])
    coarse = person.surface.coarse()
    assert (coarse[:128] == 1).all()
    assert (coarse[128:] == 0).all()
    assert found.problems == ()


def test_people_without_points_are_counted_and_stay_in_their_image(tmp_path):
    bare = dict.fromkeys(("dp_x", "dp_y", "dp_I", "dp_U", "dp_V", "dp_masks"))
    people = [_person(1), _person(2, **bare), _person(3, iscrowd=1, **bare), _person(4, image=2, **bare)]
    found = read_annotations(_data_set(tmp_path, people, n_images=3), tmp_path)
    assert found.counts == {
        "people": 4, "with_points": 1, "without_points": 3, "crowds": 1, "images_without_points": 2,
    }  # fmt: skip
    (image,) = found.images
    assert [person.surface is None for person in image.people] == [False, True, True]
    assert [person.crowd for person in image.people] == [False, False, True]
    assert not found.problems


@pytest.mark.parametrize(
    ("changes", "left"),
    [
        ({"dp_x": [-1.0, 127.5, 256.0]}, 1),
        ({"dp_y": [0.0, float("nan"), 255.0]}, 2),
        ({"dp_I": [0.0, 2.0, 25.0]}, 1),
        ({"dp_U": [0.0, 1.5, 1.0]}, 2),
        ({"dp_I": [0.0, 0.0, 0.0]}, None),
    ],
)
def test_points_outside_are_left_out_and_said(tmp_path, changes, left):
    found = read_annotations(_data_set(tmp_path, [_person(1, **changes), _person(2)]), tmp_path)
    (problem,) = found.problems
    assert (problem.kind, problem.kept, problem.id) == ("points_outside", True, "1")
    first = found.images[0].people[0].surface
    assert first is None if left is None else len(first.part) == left


@pytest.mark.parametrize(
    "changes",
    [
        {"bbox": [1.0, 2.0, 0.0, 5.0]},
        {"bbox": [1.0, 2.0]},
        {"dp_x": [1.0]},
        {"dp_masks": _masks()[:13]},
        {"dp_masks": [{"size": [8, 8], "counts": "0"}, *([[]] * 13)]},
        {"dp_V": ["a", "b", "c"]},
        {"image_id": 99},
    ],
)
def test_wrong_entries_are_problems(tmp_path, changes):
    found = read_annotations(_data_set(tmp_path, [_person(1, **changes), _person(2)]), tmp_path)
    assert [(problem.kind, problem.id) for problem in found.problems] == [("annotation_wrong", "1")]
    assert [person.id for person in found.images[0].people] == [2]


def test_a_missing_image_is_a_problem(tmp_path):
    path = _data_set(tmp_path, [_person(1), _person(2, image=2)], n_images=2)
    (tmp_path / "train2014" / "COCO_train2014_000000000002.jpg").unlink()
    found = read_annotations(path, tmp_path)
    assert [image.id for image in found.images] == [1]
    assert [(problem.kind, problem.id) for problem in found.problems] == [("image_missing", "2")]


def test_files_that_are_cut_off_or_something_else_are_refused(tmp_path):
    path = _data_set(tmp_path, [_person(1)])
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"[]", b'{"images": [], "annotations": [{}]}'):
        path.write_bytes(content)
        with pytest.raises(DataError) as caught:
            read_annotations(path, tmp_path)
        assert caught.value.kind == "annotations_unreadable"


def test_files_are_found_under_both_names(tmp_path):
    path = _data_set(tmp_path, [])
    later = tmp_path / "annotations" / "densepose" / "densepose_minival2014.json"
    later.parent.mkdir()
    later.write_text("{}")
    assert find_annotations(tmp_path) == {"train": path, "minival": later}
    for folder, kind in ((tmp_path / "train2014", "no_annotations"), (tmp_path / "no", "root_unreadable")):
        with pytest.raises(DataError) as caught:
            find_annotations(folder)
        assert caught.value.kind == kind


def test_a_body_that_is_damaged_is_refused(tmp_path):
    assert find_body(tmp_path) is None
    path = tmp_path / "densepose_body.npz"
    body = {
        "vertices": np.eye(3),
        "faces": np.array([[0, 1, 2]]),
        "vertex_part": np.array([1, 2, 3]),
        "vertex_u": np.zeros(3),
        "vertex_v": np.ones(3),
        "vertex_to_unique": np.arange(3),
    }
    np.savez(path, **body)
    assert find_body(tmp_path) == path
    assert read_body(path).faces.shape == (1, 3)
    whole = path.read_bytes()
    for changes in ({"faces": np.array([[0, 1, 3]])}, {"vertex_u": np.full(3, np.nan)}, {"vertex_v": np.zeros(2)}):
        np.savez(path, **{**body, **changes})
        with pytest.raises(DataError, match="not a charted body"):
            read_body(path)
    for content in (whole[:200], b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a charted body"):
            read_body(path)
