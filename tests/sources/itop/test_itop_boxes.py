"""Boxes of people: the published files and a table of one's own, for exactly the frames of the labels."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.itop import ItopSplit, find_boxes, open_itop, pixels_from_world, read_boxes

PICKLE, MAT = "bounding_box_depth_train.pkl", "itop_side_bndbox_test.mat"


def split(folder: Path, name: str) -> ItopSplit:
    """Five frames, the second without valid labels, the fourth with valid ones of which a joint is not finite."""
    joints = np.random.default_rng(0).uniform([-1, -1, 2], [1, 1, 4], (5, 15, 3))
    joints[3, 2] = np.nan
    ids = np.array([f"00_{row:05d}".encode() for row in range(5)])
    with h5py.File(folder / f"ITOP_side_{name}_labels.h5", "w") as file:
        file["id"], file["is_valid"] = ids, np.array([1, 0, 1, 1, 1], np.uint8)
        file["visible_joints"] = np.ones((5, 15), np.int16)
        file["image_coordinates"] = np.nan_to_num(pixels_from_world(joints)).astype(np.int16)
        file["real_world_coordinates"] = joints.astype(np.float16)
    with h5py.File(folder / f"ITOP_side_{name}_depth_map.h5", "w") as file:
        file["id"], file["data"] = ids, np.ones((5, 240, 320), np.float16)
    return open_itop(folder, "train" if name == "train" else "test")


def box(left: float) -> list[float]:
    return [left, 60.0, left + 50, 200.0]


def frames(count: int = 4) -> dict[str, Any]:
    """Boxes of the frames with valid labels: two in the first, none in the second, one in the others."""
    found = {str(number): np.array([[*box(30.0 * number), 0.9]], np.float32) for number in range(1, count + 1)}
    found["1"] = np.array([[*box(40.0), 0.95], [*box(5.0), 0.5]], np.float32)
    found["2"] = np.zeros((0, 5), np.float32)
    return found


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_published_file_of_train(tmp_path: Path, protocol: int) -> None:
    source = split(tmp_path, "train")
    assert source.ids == ("00_00000", "00_00002", "00_00004")
    assert (source.places.tolist(), source.n_valid) == ([0, 1, 3], 4)
    (tmp_path / PICKLE).write_bytes(pickle.dumps(frames(), protocol=protocol))
    found = read_boxes(tmp_path, source)
    # the first box, wider by 25 px on both sides and higher by 15, cut at the border; the third valid frame has no
    # usable labels
    np.testing.assert_allclose(found[0], [15, 45, 115, 215])
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[2], [95, 45, 195, 215])


@pytest.mark.parametrize("form", ["a list", "lists of numbers", "numbers as names", "python 2"])
def test_other_forms_of_the_same_boxes(tmp_path: Path, form: str) -> None:
    source = split(tmp_path, "train")
    given: Any = frames()
    if form == "a list":
        given = list(given.values())
    elif form == "lists of numbers":
        given = {name: boxes.tolist() for name, boxes in given.items()}
    elif form == "numbers as names":
        given = {int(name): boxes for name, boxes in given.items()}
    else:
        given = {name.encode(): boxes for name, boxes in given.items()}
    (tmp_path / PICKLE).write_bytes(pickle.dumps(frames()))
    expected = read_boxes(tmp_path, source)
    (tmp_path / PICKLE).write_bytes(pickle.dumps(given))
    np.testing.assert_allclose(read_boxes(tmp_path, source), expected)


def test_the_published_file_of_test(tmp_path: Path) -> None:
    source = split(tmp_path, "test")
    boxes = np.array([box(30), box(60), box(90), [-20.0, -5.0, 400.0, 300.0]])
    savemat(tmp_path / MAT, {"FRbndbox_test": boxes, "other": 1})
    found = read_boxes(tmp_path, source)
    np.testing.assert_allclose(found, [box(30), box(60), [0, 0, 319, 239]])  # no margin


def table(*lines: str) -> str:
    return "\n".join(["id,x0,y0,x1,y1", *lines]) + "\n"


@pytest.mark.parametrize("name", ["train", "test"])
def test_a_table_of_ones_own(tmp_path: Path, name: str) -> None:
    source = split(tmp_path, name)
    path = tmp_path / f"boxes_{name}.csv"
    lines = ("00_00004,10,20,30.5,40", "00_00000,1,2,3,4", "00_00002,,,,")
    for given in (lines, (*lines, "00_00003,1,2,3,4")):  # of the frame that cannot be used too, or not
        path.write_text(table(*given))
        found = read_boxes(tmp_path, source)
        np.testing.assert_allclose(found, [[1, 2, 3, 4], [np.nan] * 4, [10, 20, 30.5, 40]])


class Calls:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch hacked",)


def fail(folder: Path, source: ItopSplit, name: str, content: bytes | str, message: str) -> None:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=message) as caught:
        read_boxes(folder, source)
    assert caught.value.kind == "itop_boxes"
    assert str(path) in str(caught.value)
    path.unlink()


def test_what_is_wrong_with_a_file_of_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = split(tmp_path, "train")
    good = frames()
    for content, message in (
        (frames(5), r"boxes of 5 frames, but ITOP_side_train_labels\.h5 has 4 with valid labels"),
        ({name: good[name] for name in ("1", "2", "4")}, "3 frames are not called 1, 2, ... 3"),
        (good | {"3": np.ones((1, 3))}, r"frame 3 has an array of shape \(1, 3\)"),
        (good | {"3": np.ones(5)}, r"frame 3 has an array of shape \(5,\)"),
        (good | {"3": ["left", "right"]}, "frame 3 has no numbers"),
        (good | {"4": np.array([[50.0, 60.0, 40.0, 200.0, 1.0]])}, "1 frames are none within 320x240.*00_00004"),
        (good | {"4": np.array([[500.0, 60.0, 600.0, 200.0, 1.0]])}, "none within 320x240"),
        (good | {"4": np.array([[np.inf, 60.0, 600.0, 200.0, 1.0]])}, "none within 320x240"),
        ("boxes", "holds a str"),
        (good | {"3": Calls()}, r"asks for (posix|nt)\.system"),
    ):
        fail(tmp_path, source, PICKLE, pickle.dumps(content), message)
    fail(tmp_path, source, PICKLE, pickle.dumps(good)[:-20], "no whole pickle")
    assert not (tmp_path / "hacked").exists()


def test_what_is_wrong_with_a_file_of_test(tmp_path: Path) -> None:
    source = split(tmp_path, "test")
    for variables, message in (
        ({"FRbndbox_test": np.ones((3, 4))}, "boxes of 3 frames, but ITOP_side_test_labels.h5 has 4"),
        ({"FRbndbox_test": np.ones((4, 3))}, r"shape \(4, 3\)"),
        ({"boxes": np.ones((4, 4))}, "no variable FRbndbox_test"),
        ({"FRbndbox_test": np.zeros((4, 4))}, "3 frames are none within"),
        ({"FRbndbox_test": np.full((4, 4), "x")}, "no whole MATLAB file"),
    ):
        savemat(tmp_path / "some.mat", variables)
        fail(tmp_path, source, MAT, (tmp_path / "some.mat").read_bytes(), message)
    fail(tmp_path, source, MAT, b"not a MATLAB file", "no whole MATLAB file")
    savemat(tmp_path / "some.mat", {"FRbndbox_test": np.ones((4, 4))})
    fail(tmp_path, source, MAT, (tmp_path / "some.mat").read_bytes()[:200], "no whole MATLAB file")


def test_what_is_wrong_with_a_table(tmp_path: Path) -> None:
    source = split(tmp_path, "test")
    full = [f"{name},1,2,3,4" for name in source.ids]
    for content, message in (
        ("", "first line is not id,x0,y0,x1,y1"),
        ("id,left\n00_00000,1\n", "first line is not"),
        (table(*full[1:]), r"2 frames, but test has 3: 1 missing \(00_00000, ...\), 0 unknown"),
        (table(*full, "99_00000,1,2,3,4"), "4 frames, but test has 3: 0 missing, 1 unknown"),
        (table(*full, full[0]), "line 5: id 00_00000 comes more than once"),
        (table("00_00000,1,2,3", *full[1:]), "line 2 has neither four numbers"),
        (table("00_00000,1,2,,4", *full[1:]), "line 2 has neither four numbers"),
        (table("00_00000,1,2,a,4", *full[1:]), "line 2 holds something other than numbers"),
        (table("00_00000,3,4,1,2", *full[1:]), "1 frames are none within"),
        (b"\xff\xfe", "no CSV file"),
    ):
        fail(tmp_path, source, "boxes_test.csv", content, message)


def test_which_file_is_taken(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"no boxes of train; put {PICKLE} .* or boxes_train\.csv") as caught:
        find_boxes(tmp_path, "train")
    assert caught.value.kind == "itop_boxes_missing"
    (tmp_path / PICKLE).touch()
    assert find_boxes(tmp_path, "train") == tmp_path / PICKLE
    with pytest.raises(DataError, match="no boxes of test"):
        find_boxes(tmp_path, "test")
    with pytest.raises(DataError, match="it is a file; give the folder"):
        find_boxes(tmp_path / PICKLE, "train")
    (tmp_path / "boxes_train.csv").touch()
    with pytest.raises(DataError, match="both with boxes of train; keep one"):
        find_boxes(tmp_path, "train")
