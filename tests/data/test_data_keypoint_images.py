"""Samples of photographs: each drawn joint is found under its coordinates, at any decoding size."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from data_photographs import joint_gray, joint_places

from hcmoco_bench.body import joint_set
from hcmoco_bench.data import Draw, KeypointImagesDataset, MixedDataset, NtuStoreDataset
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


def test_without_training_the_square_is_as_it_is(mpii_store: Path) -> None:
    dataset = KeypointImagesDataset(mpii_store, size=150, train=False, flip=1.0)
    sample = dataset[(1, 5)]
    assert sample.sample_id == "mpii-000000001_00"
    assert np.allclose(sample.joints.numpy(), (joint_places(1) - (290, 240)) / 3 + 74.5, atol=1e-3)
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
