"""3DPW's layout: samples, cameras and boxes as SPIN takes them, and every kind of bad file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from pw3d_files import sequence, write_sequence

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.sources.pw3d import open_pw3d, sequence_of, track_of
from hcmoco_bench.sources.pw3d.people import SPLITS


@pytest.fixture
def root(tmp_path: Path) -> Path:
    first, second = sequence(4, 2), sequence(3, 1, seed=1)
    first["campose_valid"][1][:] = [1, 0, 1, 0]
    write_sequence(tmp_path, "walk_b_00", second)
    write_sequence(tmp_path, "walk_a_00", first)
    return tmp_path


def test_samples_are_people_in_frames_with_a_valid_camera(root: Path) -> None:
    found = open_pw3d(root, "test")
    assert found.ids == (
        *(f"walk_a_00_p0_{frame:05d}" for frame in range(4)),
        "walk_a_00_p1_00000",
        "walk_a_00_p1_00002",
        *(f"walk_b_00_p0_{frame:05d}" for frame in range(3)),
    )
    assert found.genders == ("male",) * 4 + ("female",) * 2 + ("male",) * 3
    assert found.images[5] == root / "imageFiles/walk_a_00/image_00002.jpg"
    assert (track_of(found.ids[5]), sequence_of(found.ids[5])) == ("walk_a_00_p1", "walk_a_00")
    assert found.problems == ()
    assert not found.generated


def test_cameras_and_boxes_as_spin_computes_them(root: Path) -> None:
    """The loops of SPIN's preprocessing, in its own terms."""
    content, found = sequence(4, 2), open_pw3d(root, "test")
    for row, (person, frame) in enumerate([(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 2)]):
        part = content["poses2d"][person][frame].T
        part = part[part[:, 2] > 0]
        low, high = part[:, :2].min(0), part[:, :2].max(0)
        np.testing.assert_allclose(found.boxes[row], [*low, *(high - low)])
        pose = content["poses"][person][frame]
        extrinsics = content["cam_poses"][frame][:3, :3]
        turned = cv2.Rodrigues(extrinsics @ cv2.Rodrigues(pose[:3])[0])[0][:, 0]
        np.testing.assert_allclose(found.rotations[row, 0], turned, atol=1e-7)
        np.testing.assert_array_equal(found.rotations[row, 1:].reshape(-1), pose[3:])
        np.testing.assert_array_equal(found.betas[row], content["betas"][person])
        pelvis = content["jointPositions"][person][frame][:3]
        np.testing.assert_allclose(found.translation[row], extrinsics @ pelvis + [0, 0, 4])
    np.testing.assert_array_equal(found.intrinsics[0], [500, 500, 63.5, 47.5])


def test_python_2_pickles_are_read(tmp_path: Path) -> None:
    """Python 2 writes texts as bytes, and numpy 1 another module's name."""
    content = {name.encode(): value for name, value in sequence(2, 1).items()} | {b"genders": [b"f"]}
    data = pickle.dumps(content, protocol=2).replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    path = write_sequence(tmp_path, "old", sequence(2, 1))
    path.write_bytes(data)
    assert open_pw3d(tmp_path, "test").genders == ("female",) * 2


def test_more_shape_parameters_are_cut(tmp_path: Path) -> None:
    content = sequence(2, 1) | {"betas": [np.arange(300.0)]}
    write_sequence(tmp_path, "many", content)
    np.testing.assert_array_equal(open_pw3d(tmp_path, "test").betas[0], np.arange(10.0))


def test_a_person_without_detected_joints_gets_the_box_of_the_projected_ones(tmp_path: Path) -> None:
    content = sequence(2, 1)
    content["poses2d"][0][1] = 0
    write_sequence(tmp_path, "one", content)
    found = open_pw3d(tmp_path, "test")
    assert [(one.id, one.kind, one.kept) for one in found.problems] == [("one_p0_00001", "joints2d_missing", True)]
    local = content["jointPositions"][0][1].reshape(24, 3) * [1, -1, -1] + [0, 0, 4]
    pixels = 500 * local[:, :2] / local[:, 2:] + [63.5, 47.5]
    np.testing.assert_allclose(found.boxes[1], [*pixels.min(0), *np.ptp(pixels, axis=0)])
    assert len(found) == 2


def test_unusable_samples_are_named_and_left_out(root: Path) -> None:
    content = sequence(4, 2)
    content["poses"][0][1, 5] = np.nan
    content["cam_poses"][2, 0] = 0
    write_sequence(root, "walk_a_00", content)
    (root / "imageFiles/walk_b_00/image_00001.jpg").unlink()
    found = open_pw3d(root, "test")
    assert [(one.id, one.kind) for one in found.problems] == [
        ("walk_a_00_p0_00001", "pose_unusable"),
        ("walk_a_00_p0_00002", "pose_unusable"),
        ("walk_a_00_p1_00002", "pose_unusable"),
        ("walk_b_00_p0_00001", "image_missing"),
    ]
    assert len(found) == 11 - 4


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"poses": None}, "no poses"),
        ({"poses": [np.zeros((4, 72))]}, "has entries of 2 people, and poses of 1"),
        ({"poses": [np.zeros((4, 71))] * 2}, r"\(4, 71\), not \(4, 72\)"),
        ({"poses": [np.zeros((3, 72))] * 2}, r"\(3, 72\)"),
        ({"poses": 5}, "poses is a int"),
        ({"cam_poses": np.zeros((4, 3, 4))}, "cam_poses has the shape"),
        ({"cam_poses": np.zeros((0, 4, 4))}, "it has 0 frames"),
        ({"cam_intrinsics": [[1, 2], [3, 4]]}, "cam_intrinsics has the shape"),
        ({"betas": [np.zeros(9)] * 2}, "9 numbers a person"),
        ({"genders": ["m", "x"]}, "a gender is 'x'"),
        ({"trans": [["a", "b"], ["c", "d"]]}, "trans is no array of numbers"),
        ({"poses2d": [np.zeros((4, 18, 3))] * 2}, "poses2d has the shape"),
    ],
)
def test_sequences_of_another_form(root: Path, change: dict[str, Any], told: str) -> None:
    content = {name: value for name, value in (sequence(4, 2) | change).items() if value is not None}
    path = write_sequence(root, "walk_a_00", content)
    with pytest.raises(DataError, match=told) as caught:
        open_pw3d(root, "test")
    assert caught.value.kind == "pw3d_shape"
    assert str(path) in str(caught.value)


class Hostile:
    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/hcmoco-pw3d-was-run",)


@pytest.mark.parametrize("content", [{"poses": Hostile()}, [Hostile()], sequence(2, 1) | {"betas": Path("x")}])
def test_nothing_of_a_file_is_run(root: Path, content: Any) -> None:
    write_sequence(root, "walk_c_00", content)
    with pytest.raises(DataError, match="walk_c_00") as caught:
        open_pw3d(root, "test")
    assert caught.value.kind == "pw3d_unreadable"
    assert not Path("/tmp/hcmoco-pw3d-was-run").exists()


@pytest.mark.parametrize("data", [b"", b"<html>", pickle.dumps([1, 2], protocol=2), None])
def test_damaged_files(root: Path, data: bytes | None) -> None:
    path = root / "sequenceFiles/test/walk_a_00.pkl"
    path.write_bytes(path.read_bytes()[:900] if data is None else data)
    with pytest.raises(DataError, match="walk_a_00"):
        open_pw3d(root, "test")


def test_folders_without_sequences(root: Path) -> None:
    assert SPLITS == ("train", "validation", "test")
    with pytest.raises(DataError, match=r"sequenceFiles/train: no sequence files"):
        open_pw3d(root, "train")
    with pytest.raises(UsageError, match="no split 'val'"):
        open_pw3d(root, "val")
    for image in root.rglob("*.jpg"):
        image.unlink()
    with pytest.raises(DataError, match="no person in its 2 sequences") as caught:
        open_pw3d(root, "test")
    assert caught.value.kind == "pw3d_empty"
