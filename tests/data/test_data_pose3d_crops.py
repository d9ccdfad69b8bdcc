"""Crops of Human3.6M with their joints: where they are in the crop, in mirror images, and back at the camera."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hcmoco_bench.body import joint_set
from hcmoco_bench.data.pose3d_crops import PoseCrops, PoseFraming, collate_poses
from hcmoco_bench.data.pose_index import PoseIndex, read_pose_index
from hcmoco_bench.data.sample import Draw
from hcmoco_bench.store.registry import open_store

JOINTS = joint_set("h36m17")


@pytest.fixture(scope="module")
def index(pose_store: Path) -> PoseIndex:
    return read_pose_index(open_store(pose_store), "train")


def crops(
    pose_store: Path, index: PoseIndex, *, train: bool, framing: PoseFraming = "joints", **more: Any
) -> PoseCrops:
    store = open_store(pose_store)
    options = {"joints": JOINTS, "framing": framing, "size": 64, "train": train} | more
    return PoseCrops(pose_store, index, store.shards(), **options)


def test_the_index_holds_the_rows(pose_store: Path, index: PoseIndex) -> None:
    rows = list(open_store(pose_store).rows("train"))
    assert index.ids.tolist() == [row["sample_id"] for row in rows]
    np.testing.assert_array_equal(index.joints, [row["pose"]["joints"] for row in rows])
    np.testing.assert_array_equal(index.intrinsics, [row["pose"]["intrinsics"] for row in rows])
    assert set(index.groups.tolist()) == {"1"}
    assert index.problems == ()
    assert read_pose_index(open_store(pose_store), "train_20").ids.tolist() == index.ids.tolist()[::5][:2]


@pytest.mark.parametrize("framing", ["joints", "root"])
@pytest.mark.parametrize("train", [False, True])
def test_targets_are_exactly_the_true_joints(
    pose_store: Path, index: PoseIndex, framing: PoseFraming, train: bool
) -> None:
    """Whatever the crop does: turned and mirrored places lead back to the joints, mirrored ones with sides swapped."""
    data = crops(pose_store, index, train=train, framing=framing, seed=3)
    mirrored = 0
    for row in range(len(data)):
        batch = collate_poses([data[Draw(row)]])
        found = batch.to_camera(batch.target[..., :2], batch.target[..., 2], batch.joints[:, 0, 2])[0].numpy()
        flipped = bool(np.linalg.det(batch.to_image[0, :, :2].numpy()) < 0)
        mirrored += flipped
        np.testing.assert_allclose(found[JOINTS.flip] if flipped else found, index.joints[row], atol=1e-9)
    assert mirrored == 0 if not train else 0 < mirrored < len(data)


def test_the_square_shows_the_person(pose_store: Path, index: PoseIndex) -> None:
    still = crops(pose_store, index, train=False)
    for row in range(0, len(still), 5):
        target = still[row].target.numpy()[:, :2]
        assert (target.max(0) - target.min(0)).max() == pytest.approx(64 / 1.25)
        np.testing.assert_allclose((target.max(0) + target.min(0)) / 2, [31.5, 31.5])
        in_meters = crops(pose_store, index, train=False, framing="root")[row]
        np.testing.assert_allclose(in_meters.target[0], [31.5, 31.5, 0], atol=1e-9)
        # A meter at the distance of the root is half of the crop.
        z, fx = index.joints[row, 0, 2], index.intrinsics[row, 0]
        assert float(in_meters.to_image[0, 0]) * 32 == pytest.approx(fx / z)


def test_the_pixels_are_those_of_the_image(pose_store: Path, index: PoseIndex) -> None:
    data = crops(pose_store, index, train=False, size=96)
    sample, image = data[0], data.image(0)
    for x, y in ((20, 30), (60, 50), (48, 80)):
        at = sample.to_image.numpy() @ [x, y, 1]
        column, row = np.round(at).astype(int)
        if (at > 1).all() and (at < 94).all():
            near = image[row - 1 : row + 2, column - 1 : column + 2].reshape(-1, 3).astype(int)
            assert (sample.rgb[:, y, x].numpy() >= near.min(0) - 2).all()
            assert (sample.rgb[:, y, x].numpy() <= near.max(0) + 2).all()


def test_draws_decide_and_strength_tames(pose_store: Path, index: PoseIndex) -> None:
    data = crops(pose_store, index, train=True)
    one, again, other = data[Draw(2, 1)], data[Draw(2, 1)], data[Draw(2, 2)]
    assert torch.equal(one.rgb, again.rgb)
    assert torch.equal(one.target, again.target)
    assert not torch.equal(one.target, other.target)
    tame, still = crops(pose_store, index, train=True, strength=0.0), crops(pose_store, index, train=False)
    for epoch in range(6):
        drawn, plain = tame[Draw(2, epoch)], still[2]
        mirrored = not torch.equal(drawn.target, plain.target)
        shown = drawn.rgb.flip(-1) if mirrored else drawn.rgb
        assert (shown.int() - plain.rgb.int()).abs().max() <= 2
    with pytest.raises(IndexError):
        data[len(data)]
