"""3-D joints in Human3.6M stores: what is kept, with which camera, and what becomes of bad files of positions."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from human36m_files import INTRINSICS, position_paths, seen, standing_people, write_cdf, write_poses, write_recording

from hcmoco_bench.body import joint_mapping
from hcmoco_bench.errors import StoreError
from hcmoco_bench.prepare.human36m import prepare_human36m
from hcmoco_bench.prepare.human36m_poses import fit_camera
from hcmoco_bench.store.kinds.human36m import SCHEMA
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.verify import verify_store

KEPT = joint_mapping("h36m32", "h36m17")


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("human36m")
    for subject, stem in ((1, "Eating.54138969"), (9, "Eating 1.54138969")):
        write_recording(root, subject, stem, 51)
        write_poses(root, subject, stem, standing_people(51))
    return root


@pytest.fixture
def own(raw: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(raw, tmp_path / "raw"))


def poses(store: Path, split: str = "train") -> list[dict | None]:
    return [row["pose"] for row in open_store(store).rows(split, ["pose"])]


def problems(store: Path) -> list[tuple[str, str, bool]]:
    return [(one.id, one.kind, one.kept) for one in open_store(store).problems() if one.kind != "subject_absent"]


def test_joints_are_kept_in_meters_with_the_camera(raw: Path, tmp_path: Path) -> None:
    store = prepare_human36m(raw, tmp_path / "store").store
    assert store.manifest.poses
    assert store.capabilities.poses
    assert store.capabilities.joints == "h36m17"
    assert verify_store(store.path).passed
    assert problems(store.path) == []
    joints = standing_people(51)
    for split in ("train", "test"):
        found = poses(store.path, split)
        assert len(found) == 3
        for pose, frame in zip(found, (0, 25, 50), strict=True):
            assert pose is not None
            np.testing.assert_allclose(pose["joints"], joints[frame, KEPT] / 1000, rtol=1e-15)
            np.testing.assert_array_equal(pose["pixels"], seen(joints)[frame, KEPT])
            np.testing.assert_allclose(pose["intrinsics"], INTRINSICS, rtol=1e-12)


def test_the_camera_is_numpys_least_squares(tmp_path: Path) -> None:
    """With noise, and a lens's distortion, which no pinhole has."""
    rng = np.random.default_rng(1)
    joints = standing_people(20)
    flat = joints[..., :2] / joints[..., 2:]
    pixels = seen(joints) * (1 - 0.2 * (flat**2).sum(-1, keepdims=True)) + rng.normal(0, 0.1, (20, 32, 2))
    camera = fit_camera(joints, pixels, tmp_path)
    residuals = []
    for axis in range(2):
        rays = np.column_stack([flat[..., axis].ravel(), np.ones(20 * 32)])
        wanted, residual, *_ = np.linalg.lstsq(rays, pixels[..., axis].ravel(), rcond=None)
        np.testing.assert_allclose(camera.intrinsics[[axis, axis + 2]], wanted, rtol=1e-9)
        residuals.append(residual[0])
    assert camera.residual == pytest.approx(np.sqrt(sum(residuals) / (20 * 32)), rel=1e-9)


def test_stores_without_positions_are_as_they_always_were(own: Path, tmp_path: Path) -> None:
    for folder in own.glob("S*/MyPoseFeatures"):
        shutil.rmtree(folder)
    store = prepare_human36m(own, tmp_path / "store").store
    assert "poses" not in json.loads((store.path / "manifest.json").read_text())
    assert pq.read_schema(store.shards()[0]).names == SCHEMA.names
    assert not store.capabilities.poses
    assert verify_store(store.path).passed
    with pytest.raises(StoreError, match=r"has no 3-D joints.*D3_Positions_mono"):
        open_store(store.path, "poses")


def test_bad_positions_cost_the_joints_and_not_the_frames(own: Path, tmp_path: Path) -> None:
    places, planes = position_paths(own, 1, "Eating.54138969")
    joints = standing_people(51)
    nan, behind = joints.copy(), joints.copy()
    nan[7, 3, 1], behind[30, 4, 2] = np.nan, -4000
    good = places.read_bytes()

    def prepared(number: int) -> Path:
        return prepare_human36m(own, tmp_path / str(number)).store.path

    cases = (
        (places, lambda: write_cdf(places, nan), "positions_not_finite"),
        (places, lambda: write_cdf(places, joints / 1000), "positions_unit"),
        (places, lambda: write_cdf(places, joints[:, :17]), "positions_shape"),
        (places, lambda: places.write_bytes(good[: len(good) // 2]), "positions_unreadable"),
        (places, lambda: write_cdf(places, joints[:40]), "positions_differ"),
        (places, lambda: write_cdf(places, behind), "positions_differ"),
        (planes, lambda: write_cdf(planes, seen(joints)[::-1]), "positions_differ"),
        (planes, lambda: write_cdf(planes, 3 * seen(joints)), "positions_differ"),
        (planes, planes.unlink, "positions_incomplete"),
        (places, lambda: (places.unlink(), planes.unlink()), "positions_missing"),
    )
    for number, (file, spoil, kind) in enumerate(cases):
        write_poses(own, 1, "Eating.54138969", joints)
        spoil()
        store = prepared(number)
        assert problems(store) == [("S1_Eating.54138969", kind, True)], kind
        (line,) = (one for one in open_store(store).problems() if one.kind == kind)
        assert file.name in line.reason or kind in ("positions_incomplete", "positions_missing")
        assert str(own) not in line.reason
        assert poses(store) == [None] * 3
        assert None not in poses(store, "test")
        assert verify_store(store).passed


def test_frames_after_the_last_pose_are_named(own: Path, tmp_path: Path) -> None:
    write_poses(own, 1, "Eating.54138969", standing_people(50))
    store = prepare_human36m(own, tmp_path / "store").store.path
    assert problems(store) == [("S1_Eating.54138969_000050", "positions_missing", True)]
    assert [pose is None for pose in poses(store)] == [False, False, True]


def test_verify_reads_poses(raw: Path, tmp_path: Path) -> None:
    store = prepare_human36m(raw, tmp_path / "store").store
    row = store.find("S1_Eating.54138969_000025")

    def told(**change: object) -> str:
        pose = row["pose"] | change
        return "; ".join(store.kind.row_failures(row | {"pose": pose}, store.manifest))

    assert told() == ""
    assert "joints (16, 3)" in told(joints=row["pose"]["joints"][1:])
    assert "not finite" in told(intrinsics=[np.nan, *row["pose"]["intrinsics"][1:]])
    assert "not in front" in told(joints=(-np.array(row["pose"]["joints"])).tolist())
    assert "px from its pixels" in told(pixels=(np.array(row["pose"]["pixels"]) + 5).tolist())
    assert "cannot be read" in told(pixels=[[1.0], [2.0, 3.0]])
