"""Reading ITOP: hand-written files of the published form, and every way in which they can be wrong."""

from __future__ import annotations

import gzip
import pickle
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hcmoco_bench.errors import DataError
from hcmoco_bench.sources.itop import open_itop, pixels_from_world, world_from_pixels

LABELS, DEPTH = "ITOP_side_test_labels.h5", "ITOP_side_test_depth_map.h5"


def arrays(count: int = 4) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    joints = rng.uniform([-1, -1, 2], [1, 1, 4], (count, 15, 3))
    depth = rng.uniform(1, 4, (count, 240, 320)).astype(np.float16)
    depth[0, 0, :3] = [np.nan, np.inf, -1]
    return {
        "id": np.array([f"{row // 2:02d}_{row:05d}".encode() for row in range(count)]),
        "is_valid": np.array([1, 0, 1, 1][:count], np.uint8),
        "visible_joints": rng.integers(0, 2, (count, 15)).astype(np.int16),
        "image_coordinates": pixels_from_world(joints).round().astype(np.int16),
        "real_world_coordinates": joints.astype(np.float16),
        "segmentation": np.full((count, 240, 320), -1, np.int8),
        "data": depth,
    }


def write(folder: Path, values: dict[str, Any], depth_ids: Any = None) -> Path:
    with h5py.File(folder / LABELS, "w") as file:
        for name, value in values.items():
            if name != "data":
                file[name] = value
    with h5py.File(folder / DEPTH, "w") as file:
        file["id"] = values["id"] if depth_ids is None else depth_ids
        if "data" in values:
            file["data"] = values["data"]
    return folder


def kind_of(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_itop(folder, "test")
    assert str(folder) in str(caught.value)
    assert caught.value.file
    return caught.value.kind


def test_the_camera() -> None:
    """One meter to the right at two meters is 1 / (0.0035 x 2) px to the right of the middle; up is up."""
    assert pixels_from_world([1.0, 0.5, 2.0]).tolist() == pytest.approx([160 + 1 / 0.007, 120 - 0.5 / 0.007])
    points = np.random.default_rng(0).uniform([-1, -1, 1], [1, 1, 5], (20, 3))
    np.testing.assert_allclose(world_from_pixels(pixels_from_world(points), points[:, 2]), points)
    assert np.isnan(pixels_from_world([0.0, 0.0, 0.0])).all()


def test_valid_frames_are_read(tmp_path: Path) -> None:
    values = arrays()
    split = open_itop(write(tmp_path, values), "test")
    assert split.ids == ("00_00000", "01_00002", "01_00003")
    assert split.people == ("00", "01", "01")
    assert (split.n_frames, split.n_invalid, split.problems, split.generated) == (4, 1, (), False)
    np.testing.assert_array_equal(split.joints, values["real_world_coordinates"][[0, 2, 3]].astype(np.float32))
    np.testing.assert_array_equal(split.pixels, values["image_coordinates"][[0, 2, 3]])
    np.testing.assert_array_equal(split.visible, values["visible_joints"][[0, 2, 3]] == 1)
    np.testing.assert_array_equal(split.depth(1), values["data"][2].astype(np.float32))
    assert split.depth(0)[0, :3].tolist() == [0, 0, 0]  # nan, infinite, negative
    assert split.depth(0)[0, 3] == values["data"][0, 0, 3]


def test_a_copy_in_another_process_opens_the_file_itself(tmp_path: Path) -> None:
    split = open_itop(write(tmp_path, arrays()), "test")
    expected = split.depth(0)
    copy = pickle.loads(pickle.dumps(split))
    np.testing.assert_array_equal(copy.depth(0), expected)
    assert copy.ids == split.ids


def test_packed_files_are_unpacked_once(tmp_path: Path) -> None:
    write(tmp_path, arrays())
    for name in (LABELS, DEPTH):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes(), 1))
        (tmp_path / name).unlink()
    seen: list[str] = []
    assert len(open_itop(tmp_path, "test", progress=lambda label, done, total: seen.append(label))) == 3
    assert set(seen) == {f"unpack {LABELS}.gz", f"unpack {DEPTH}.gz"}
    seen.clear()
    assert len(open_itop(tmp_path, "test", progress=lambda label, done, total: seen.append(label))) == 3
    assert not seen


def test_a_packed_file_that_is_cut_short(tmp_path: Path) -> None:
    write(tmp_path, arrays())
    packed = gzip.compress((tmp_path / LABELS).read_bytes(), 1)
    (tmp_path / LABELS).unlink()
    (tmp_path / f"{LABELS}.gz").write_bytes(packed[: len(packed) // 2])
    assert kind_of(tmp_path) == "itop_truncated"
    assert not (tmp_path / LABELS).exists()


@pytest.mark.parametrize("name", [LABELS, DEPTH])
def test_files_that_are_cut_short_missing_or_something_else(tmp_path: Path, name: str) -> None:
    write(tmp_path, arrays())
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    assert kind_of(tmp_path) == "itop_truncated"
    (tmp_path / name).write_bytes(b"not an HDF5 file" * 100)
    assert kind_of(tmp_path) == "itop_truncated"
    (tmp_path / name).unlink()
    assert kind_of(tmp_path) == "itop_missing"


def test_frames_of_another_release(tmp_path: Path) -> None:
    values = arrays()
    write(tmp_path, values, depth_ids=values["id"][::-1])
    with pytest.raises(DataError, match="4 of 4 differ, the first in row 0: 00_00000, 01_00003"):
        open_itop(tmp_path, "test")
    write(tmp_path, values | {"data": values["data"][:3]}, depth_ids=values["id"][:3])
    assert kind_of(tmp_path) == "itop_ids_differ"
    write(tmp_path, values | {"id": np.array([b"00_00001"] * 4)})
    assert kind_of(tmp_path) == "itop_ids"
    write(tmp_path, values | {"id": np.arange(4)})
    assert kind_of(tmp_path) == "itop_ids"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("data", np.zeros((4, 120, 160), np.float16)),
        ("data", np.zeros((3, 240, 320), np.float16)),
        ("real_world_coordinates", np.zeros((4, 14, 3), np.float16)),
        ("image_coordinates", np.zeros((4, 15), np.int16)),
        ("is_valid", np.zeros((3,), np.uint8)),
    ],
)
def test_wrong_shapes(tmp_path: Path, name: str, value: Any) -> None:
    assert kind_of(write(tmp_path, arrays() | {name: value})) == "itop_shape"


@pytest.mark.parametrize("name", ["data", "is_valid", "real_world_coordinates"])
def test_missing_arrays(tmp_path: Path, name: str) -> None:
    values = arrays()
    del values[name]
    assert kind_of(write(tmp_path, values)) == "itop_array_missing"


def test_no_valid_frame(tmp_path: Path) -> None:
    assert kind_of(write(tmp_path, arrays() | {"is_valid": np.zeros(4, np.uint8)})) == "itop_no_valid_frames"


def test_joints_that_cannot_be_used_are_counted(tmp_path: Path) -> None:
    values = arrays()
    values["real_world_coordinates"][2, 3] = np.nan
    values["real_world_coordinates"][3, 4, 2] = 0
    split = open_itop(write(tmp_path, values), "test")
    assert split.ids == ("00_00000",)
    assert [(problem.id, problem.kind) for problem in split.problems] == [
        ("01_00002", "joints_unusable"),
        ("01_00003", "joints_unusable"),
    ]
