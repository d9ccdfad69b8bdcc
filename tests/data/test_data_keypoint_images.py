"""Samples of photographs: each drawn joint is found under its coordinates, at any decoding size."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from data_photographs import joint_gray, joint_positions

from hcmoco_bench.body import joint_set
from hcmoco_bench.data import Draw, KeypointImagesDataset, MixedDataset, NtuStoreDataset
from hcmoco_bench.data.batch import collate
from hcmoco_bench.data.normalize import normalize_joints
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.prepare.keypoints import prepare_keypoints


# 320 px are decoded as they are, 160 at half, 80 at a quarter of the size, jitter aside.
@pytest.mark.parametrize("size", [320, 160, 80])
@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_joints_are_where_they_are_drawn(mpii_store: Path, size: int, flip: float) -> None:
    dataset = KeypointImagesDataset(mpii_store, size=size, flip=flip)
    swapped = joint_set("mpii16").flip if flip else np.arange(16)
    seen = 0
    for row in range(len(dataset)):
        for epoch in range(8):
            sample = dataset[(row, epoch)]
            assert sample.source == "mpii"
            assert sample.depth is sample.foreground is sample.parts is sample.intrinsics is None
            image = sample.rgb.permute(1, 2, 0).numpy()
            for joint in np.flatnonzero(sample.visible.numpy()):
                x, y = np.round(sample.joints[joint].numpy()).astype(int)
                if 2 <= x < size - 2 and 2 <= y < size - 2:
                    # In the mirror the right knee's disc is the left knee.
                    assert abs(int(image[y, x, 1]) - joint_gray(int(swapped[joint]))) <= 8
                    seen += 1
    assert seen > 100


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_all_of_cocos_joints_are_where_they_are_drawn(coco_store: Path, flip: float) -> None:
    dataset = KeypointImagesDataset(coco_store, size=320, joints="coco17", flip=flip)
    names = joint_set("coco17").joints
    seen: set[int] = set()
    for row in range(len(dataset)):
        for epoch in range(8):
            sample = dataset[(row, epoch)]
            assert sample.joints.shape == (17, 2)
            image = sample.rgb.permute(1, 2, 0).numpy()
            for joint in np.flatnonzero(sample.visible.numpy()):
                x, y = np.round(sample.joints[joint].numpy()).astype(int)
                if 2 <= x < 318 and 2 <= y < 318:
                    # In the mirror a left joint is the disc of its right partner.
                    other = {"left": "right", "right": "left"}
                    words = names[joint].split()
                    drawn = " ".join([other.get(words[0], words[0]), *words[1:]]) if flip else names[joint]
                    assert abs(int(image[y, x, 1]) - joint_gray(names.index(drawn))) <= 8
                    seen.add(int(joint))
    assert seen == set(range(17))


def test_a_joint_that_is_not_annotated_lies_on_the_nose(coco_store: Path) -> None:
    dataset = KeypointImagesDataset(coco_store, size=320, joints="coco17", train=False)
    sample = dataset[1]
    assert sample.visible.tolist() == [True] * 16 + [False]
    assert np.array_equal(sample.joints[16], sample.joints[0])
    assert dataset[0].visible.all()


def test_the_skeleton_of_the_image_neither_turns_nor_knows_unknown_joints(coco_store: Path) -> None:
    options = {"size": 320, "joints": "coco17", "seed": 3}
    crop, image = (KeypointImagesDataset(coco_store, skeleton=kind, **options) for kind in ("crop", "image"))
    still = KeypointImagesDataset(coco_store, train=False, **options)
    for row in range(2):
        assert crop[row].skeleton is None
        assert np.array_equal(crop[row].joints, image[row].joints)
        expected, known = normalize_joints(still[row].joints[None], root=0)[0], still[row].visible
        shown = image[row].skeleton
        assert shown is not None
        assert (shown[~known] == -1).all()
        shown[~known] = shown[0].clone()
        torch.testing.assert_close(normalize_joints(shown[None], root=0)[0], expected, rtol=0, atol=1e-4)
    turned = [normalize_joints(image[0, epoch].joints[None], root=0)[0] for epoch in range(8)]
    off = max(float((one - normalize_joints(still[0].joints[None], root=0)[0]).abs().max()) for one in turned)
    assert off > 0.1, "no crop was turned, so that the test shows nothing"
    batch = collate([image[1], still[0]])
    assert batch.skeleton is not None
    assert torch.equal(batch.skeleton[0], image[1].skeleton)
    assert torch.equal(batch.skeleton[1], still[0].joints)
    assert collate([still[0], still[1]]).skeleton is None


def test_the_shared_joints_are_cocos_by_name(coco_store: Path) -> None:
    of_coco, shared = (
        KeypointImagesDataset(coco_store, size=96, joints=joints, train=False) for joints in ("coco17", "shared13")
    )
    names = [name.replace("head", "nose") for name in joint_set("shared13").joints]
    order = [joint_set("coco17").joints.index(name) for name in names]
    assert np.array_equal(shared[0].joints, of_coco[0].joints[order])
    assert np.array_equal(shared[0].rgb, of_coco[0].rgb)


def test_joints_that_a_store_cannot_supply_are_refused(
    mpii_store: Path, coco_store: Path, pretrain_store: Path
) -> None:
    with pytest.raises(UsageError, match=r"coco.*joints are coco17.*cannot supply mpii16; choose shared13 or coco17"):
        KeypointImagesDataset(coco_store, joints="mpii16")
    with pytest.raises(UsageError, match=r"mpii.*joints are mpii16.*cannot supply coco17; choose mpii16 or shared13"):
        KeypointImagesDataset(mpii_store, joints="coco17")
    with pytest.raises(UsageError, match=r"kinect25.*cannot supply coco17; choose mpii16 or shared13"):
        NtuStoreDataset(pretrain_store, joints="coco17")
    with pytest.raises(UsageError, match="no joint set 'h36m17' for samples; choose mpii16 or shared13 or coco17"):
        KeypointImagesDataset(coco_store, joints="h36m17")  # type: ignore[arg-type]


def test_without_training_the_square_is_as_it_is(mpii_store: Path) -> None:
    dataset = KeypointImagesDataset(mpii_store, size=150, train=False, flip=1.0)
    sample = dataset[(1, 5)]
    assert sample.sample_id == "mpii-000000001_00"
    assert np.allclose(sample.joints.numpy(), (joint_positions(1) - (290, 240)) / 3 + 74.5, atol=1e-3)
    assert sample.visible.all()
    assert np.array_equal(dataset[1].rgb, sample.rgb)
    with pytest.raises(IndexError):
        dataset[3]


def test_crops_depend_on_the_draw_alone(mpii_store: Path) -> None:
    dataset = KeypointImagesDataset(mpii_store, size=64)
    copy = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(dataset[Draw(1, 2)].rgb, copy[Draw(1, 2)].rgb)
    copy.set_epoch(2)
    assert np.array_equal(dataset[Draw(1, 2)].rgb, copy[1].rgb)
    assert not np.array_equal(dataset[Draw(1, 2)].rgb, dataset[Draw(1, 2, 1)].rgb)


def test_stores_that_do_not_fit(mpii_store: Path, pretrain_store: Path) -> None:
    with pytest.raises(StoreError, match="prepare mpii"):
        KeypointImagesDataset(pretrain_store)
    with pytest.raises(StoreError, match="no split"):
        KeypointImagesDataset(mpii_store, "test")
    with pytest.raises(StoreError, match="has no tracked skeletons"):
        NtuStoreDataset(mpii_store)


@pytest.mark.real
def test_real_people_mixed_with_generated_ones(real_files: Path, pretrain_store: Path, tmp_path: Path) -> None:
    stores = {
        name: prepare_keypoints(name, real_files / name, tmp_path / name).store.path  # type: ignore[arg-type]
        for name in ("mpii", "coco")
    }
    with pytest.raises(UsageError, match="shared13"):
        KeypointImagesDataset(stores["coco"], joints="mpii16")
    photographs = [KeypointImagesDataset(path, size=64, joints="shared13") for path in stores.values()]
    mixed = MixedDataset([NtuStoreDataset(pretrain_store, size=64, joints="shared13"), *photographs])
    samples = [mixed[row] for row in range(len(mixed))]
    assert {sample.source for sample in samples} == {"ntu", "mpii", "coco"}
    for sample in samples:
        assert sample.joints.shape == (13, 2)
        assert np.isfinite(sample.joints.numpy()).all()
    # In the unjittered square every annotated joint is visible.
    entries = json.loads(next((real_files / "mpii").glob("*.json")).read_text())
    annotated = {
        e["image"].removesuffix(".jpg"): np.array(e["joints_vis"])[[0, 1, 2, 3, 4, 5, 9, 10, 11, 12, 13, 14, 15]]
        for e in entries
    }
    fixed = KeypointImagesDataset(stores["mpii"], size=64, joints="shared13", train=False)
    for row in range(len(fixed)):
        stem = fixed.ids[row].rsplit("_", 1)[0]
        assert np.array_equal(fixed[row].visible.numpy(), annotated[stem] > 0)
