"""Samples of a store against its rows, decoded and mapped the slow way."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hcmoco_bench.body import joint_mapping, joint_set
from hcmoco_bench.data import Draw, KeypointImagesDataset, MixedDataset, NtuStoreDataset, collate, shard_reader
from hcmoco_bench.data.intrinsics import NOMINAL, RigIntrinsics
from hcmoco_bench.data.shard_reader import ShardReader
from hcmoco_bench.errors import StoreError
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.arrays.samples import SampleArrays, decode_row
from hcmoco_bench.store.kinds.ntu import NTU


def rows_of(store: Path, split: str) -> list[SampleArrays]:
    return [decode_row(row) for row in NTU.open(store).rows(split)]


@pytest.mark.parametrize("joints", ["mpii16", "shared13"])
@pytest.mark.parametrize("train", [True, False])
def test_a_sample_shows_what_the_store_holds(parsing_store: Path, joints: Any, train: bool) -> None:
    dataset = NtuStoreDataset(parsing_store, size=96, joints=joints, train=train)
    rows = rows_of(parsing_store, "train")
    assert len(rows) == len(dataset)
    mapping = joint_mapping("kinect25", joints)
    for number, row in enumerate(rows):
        sample = dataset[number]
        assert sample.sample_id == row.sample_id
        assert sample.index == number
        assert sample.rgb is not None
        assert row.depth is not None
        assert row.parts is not None
        # Joints and where they came to lie give the crop back: it is upright, and as wide as high.
        there, here = row.joints_depth[0][mapping].astype(float), sample.joints.numpy().astype(float)
        scale = np.linalg.lstsq((there - there[6]).reshape(-1, 1), (here - here[6]).ravel())[0][0]
        shift = here[6] - scale * there[6]
        assert np.allclose(here, scale * there + shift, atol=0.05)
        visible = (row.tracking[0][mapping] > 0) & (here >= 0).all(axis=1) & (here <= 95).all(axis=1)
        assert np.array_equal(sample.visible.numpy(), visible)
        if not train:
            assert visible.sum() == (row.tracking[0][mapping] > 0).sum()
        shown = np.stack(np.meshgrid(np.arange(96), np.arange(96)), axis=-1)
        source = (shown - shift) / scale
        inside = ((source > 0) & (source < (511, 423))).all(axis=-1)
        x, y = np.round(source[inside]).astype(int).T
        exact = np.abs(source[inside] - np.round(source[inside])).max(axis=-1) < 0.4
        meters = np.zeros((96, 96)) if sample.depth is None else sample.depth[0].numpy()
        assert np.allclose(meters[inside][exact], row.depth[y, x][exact] / 1000.0, atol=1e-4)
        labels = sample.parts.numpy()
        assert np.array_equal(labels[inside][exact], row.parts[y, x][exact])
        people = np.zeros((96, 96), bool) if sample.foreground is None else sample.foreground.numpy()
        assert np.array_equal(people, labels > 0)
        assert not meters[(source < -1).any(axis=-1)].any()
        if scale > 0.7:
            close = np.abs(sample.rgb.permute(1, 2, 0).numpy()[inside].astype(float) - row.rgb[y, x])
            assert np.median(close) <= 3


def test_crops_depend_on_seed_epoch_row_and_repeat_alone(pretrain_store: Path) -> None:
    dataset = NtuStoreDataset(pretrain_store, size=32, seed=5)
    again = NtuStoreDataset(pretrain_store, size=32, seed=5)
    again[3]
    reference = dataset[(2, 7)].rgb
    assert np.array_equal(again[Draw(2, 7)].rgb, reference)
    again.set_epoch(7)
    assert np.array_equal(again[2].rgb, reference)
    for other in (dataset[(2, 6)], dataset[Draw(2, 7, 1)], NtuStoreDataset(pretrain_store, size=32)[(2, 7)]):
        assert not np.array_equal(other.rgb, reference)
    fixed = NtuStoreDataset(pretrain_store, size=32, train=False)
    assert np.array_equal(fixed[(2, 7)].rgb, fixed[(2, 9)].rgb)
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_crops_of_the_person_keep_most_of_it(pretrain_store: Path) -> None:
    square, person = (NtuStoreDataset(pretrain_store, size=64, crops=crops) for crops in ("square", "person"))
    rows = range(min(8, len(square)))
    seen = {
        dataset.crops: np.mean([dataset[row, epoch].visible.float().mean() for row in rows for epoch in range(6)])
        for dataset in (square, person)
    }
    assert seen["person"] > max(0.95, seen["square"])
    assert not np.array_equal(person[0, 0].joints, person[0, 1].joints)


def test_without_masks_the_foreground_is_where_depth_is(pretrain_store: Path) -> None:
    dataset = NtuStoreDataset(pretrain_store, size=64)
    for row in range(len(dataset)):
        sample = dataset[row]
        assert sample.parts is None
        assert (sample.depth is None) == (sample.foreground is None)
        if sample.depth is not None:
            assert np.array_equal(sample.foreground, sample.depth[0] > 0)


def test_selections_are_splits(parsing_store: Path) -> None:
    store = NTU.open(parsing_store)
    for split in store.splits:
        ids = [row["sample_id"] for row in store.rows(split, ["sample_id"])]
        if ids:
            dataset = NtuStoreDataset(parsing_store, split, size=32)
            assert dataset.index.ids.tolist() == ids
            assert [dataset[row].sample_id for row in range(len(dataset))] == ids
        else:
            with pytest.raises(StoreError, match="no rows"):
                NtuStoreDataset(parsing_store, split)
    with pytest.raises(StoreError, match="no split 'nonsense'"):
        NtuStoreDataset(parsing_store, "nonsense")
    with pytest.raises(StoreError, match="no such folder"):
        NtuStoreDataset(parsing_store / "nowhere")


def test_nobody_tracked(parsing_store: Path) -> None:
    """The crop is of the foreground then, or of the image; joints are finite and none is visible."""
    dataset = NtuStoreDataset(parsing_store, size=64, train=False)
    dataset.index.tracking[:] = 0
    sample = dataset[0]
    assert not sample.visible.any()
    assert np.isfinite(sample.joints.numpy()).all()
    assert sample.foreground is not None
    row = rows_of(parsing_store, "train")[0]
    share = sample.foreground.float().mean() / (row.parts > 0).mean()
    assert share > 1.5
    empty = np.zeros((424, 512), np.uint8)
    assert dataset._box(0, None, None).tolist() == dataset._box(0, empty, empty).tolist() == [0, 0, 511, 423]


def test_a_crop_without_measurement_has_no_depth(pretrain_store: Path) -> None:
    dataset = NtuStoreDataset(pretrain_store, size=32)
    dataset.index.tracking[:] = 0
    dataset.index.tracking[:, 3] = 2
    dataset.index.joints[:, 3] = (0.0, 0.0)
    missing = [sample for row in range(len(dataset)) for sample in [dataset[row]] if sample.depth is None]
    assert missing
    assert all(sample.foreground is None and sample.rgb is not None for sample in missing)


def test_a_store_without_depth(generated_tree: Any, tmp_path: Path) -> None:
    options = check_options(set="pretrain", every=10, rgb_only=True)
    store = prepare_ntu([generated_tree.root], tmp_path / "store", options).store
    sample = NtuStoreDataset(store.path, size=32)[0]
    assert sample.rgb is not None
    assert sample.depth is sample.foreground is sample.parts is sample.intrinsics is None
    assert sample.visible.any()


def test_intrinsics_project_the_joints_of_the_skeleton(parsing_store: Path) -> None:
    """Joints in meters, through the crop's pinhole, come to lie on the crop's joints; an independent way round."""
    dataset = NtuStoreDataset(parsing_store, size=256, train=False)
    assert dataset.nominal_rigs == ()
    mapping = joint_mapping("kinect25", "mpii16")
    for number, row in enumerate(rows_of(parsing_store, "train")):
        sample = dataset[number]
        assert sample.intrinsics is not None
        fx, fy, cx, cy = sample.intrinsics.tolist()
        x, y, z = row.joints_xyz[0][mapping].T.astype(float)
        projected = np.column_stack([fx * x / z + cx, cy - fy * y / z])
        sure = row.tracking[0][mapping] == 2
        assert np.median(np.abs(projected - sample.joints.numpy())[sure]) < 2.0


@pytest.mark.parametrize("joints", ["mpii16", "shared13"])
def test_joints_in_meters_are_those_of_the_store(parsing_store: Path, joints: Any) -> None:
    """By name: NTU's frames are mirrored, so that its left is the right of the image."""
    plain = NtuStoreDataset(parsing_store, size=64, joints=joints)
    dataset = NtuStoreDataset(parsing_store, size=64, joints=joints, joints3d=True)
    assert plain[0].joints3d is plain[0].valid3d is None
    names, kinect = joint_set(joints).joints, joint_set("kinect25").joints
    by_name = {"pelvis": "spine base", "thorax": "spine mid", "upper neck": "neck", "head top": "head"}
    swap = {"left": "right", "right": "left"}
    for number, row in enumerate(rows_of(parsing_store, "train")):
        sample = dataset[(number, 1)]
        assert sample.joints3d is not None
        assert sample.valid3d is not None
        assert torch.equal(sample.rgb, plain[(number, 1)].rgb)
        for joint, name in enumerate(names):
            words = name.split()
            mirrored = " ".join([swap.get(words[0], words[0]), *words[1:]])
            source = kinect.index(by_name.get(name, mirrored))
            assert bool(sample.valid3d[joint]) == bool(row.tracking[0][source] > 0)
            if sample.valid3d[joint]:
                assert np.array_equal(sample.joints3d[joint].numpy(), row.joints_xyz[0][source].astype(np.float32))
            else:
                assert not sample.joints3d[joint].any()


def test_joints_in_meters_project_onto_the_joints_of_the_crop(parsing_store: Path) -> None:
    dataset = NtuStoreDataset(parsing_store, size=256, joints3d=True)
    for row in range(len(dataset)):
        for epoch in range(3):
            sample = dataset[(row, epoch)]
            if sample.intrinsics is None:
                continue
            fx, fy, cx, cy = sample.intrinsics.tolist()
            x, y, z = sample.joints3d[sample.valid3d].numpy().astype(float).T
            projected = np.column_stack([fx * x / z + cx, cy - fy * y / z])
            # A random square can enlarge 132 px to 256.
            assert np.median(np.abs(projected - sample.joints[sample.valid3d].numpy())) < 4.0


def test_joints_that_the_sensor_did_not_locate_are_not_valid(parsing_store: Path) -> None:
    dataset = NtuStoreDataset(parsing_store, size=64, joints3d=True)
    dataset.index.tracking[0, :] = 2
    dataset.index.tracking[0, 3] = 0
    dataset.index.joints_xyz[0, 9] = np.nan
    sample = dataset[0]
    # Kinect's head is MPII's head top; its right elbow is the left one of the image.
    missing = [joint_set("mpii16").joints.index(name) for name in ("head top", "left elbow")]
    assert np.flatnonzero(~sample.valid3d.numpy()).tolist() == sorted(missing)
    assert not sample.joints3d[missing].any()
    assert np.isfinite(sample.joints3d.numpy()).all()


def test_a_batch_marks_missing_joints_in_meters(parsing_store: Path, mpii_store: Path) -> None:
    mixed = MixedDataset(
        [NtuStoreDataset(parsing_store, size=48, joints3d=True), KeypointImagesDataset(mpii_store, size=48)]
    )
    whole = mixed[0]
    batch = collate([whole, mixed[len(mixed) - 1]])
    assert batch.joints3d.shape == (2, 16, 3)
    assert torch.equal(batch.joints3d[0], whole.joints3d)
    assert torch.equal(batch.valid3d[0], whole.valid3d)
    assert batch.has_joints3d.tolist() == [True, False]
    assert not batch.joints3d[1].any()


def test_rigs_without_fitted_cameras_get_nominal_ones(parsing_store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(parsing_store, copy)
    path = copy / "calibration.json"
    calibration = json.loads(path.read_text())
    rig = sorted(calibration["rigs"])[0]
    calibration["rigs"][rig]["registered"] = None
    path.write_text(json.dumps(calibration))
    intrinsics = RigIntrinsics.of_store(NTU.open(copy))
    assert intrinsics.nominal == (rig,)
    assert intrinsics.of(rig) == NOMINAL
    assert intrinsics.of(sorted(calibration["rigs"])[1]) != NOMINAL
    dataset = NtuStoreDataset(copy, size=32)
    assert set(dataset.nominal_rigs) == {rig} & {str(SampleId.parse(i).clip.rig) for i in dataset.index.ids.tolist()}


def test_images_are_not_kept(parsing_store: Path) -> None:
    dataset = NtuStoreDataset(parsing_store, size=32)
    one = len(pickle.dumps(dataset))
    for epoch in range(3):
        for row in range(len(dataset)):
            dataset[(row, epoch)]
    images = sum(path.stat().st_size for path in NTU.open(parsing_store).shards("train"))
    # What is added is where images are: two numbers for each.
    assert len(pickle.dumps(dataset)) - one < 0.02 * images
    assert dataset.index.nbytes < 400 * len(dataset)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_any_row_at_any_time_is_the_tables(parsing_store: Path, seed: int) -> None:
    store = NTU.open(parsing_store)
    shards = store.shards()
    tables = [pq.read_table(path) for path in shards]
    rng = np.random.default_rng(seed)
    reader = ShardReader(shards)
    for step in range(12):
        if step == 6:
            reader = pickle.loads(pickle.dumps(reader))
        shard = int(rng.integers(len(shards)))
        row = int(rng.integers(tables[shard].num_rows))
        for column in ("rgb", "depth", "parts"):
            assert reader.read(shard, 0, row, column) == tables[shard][column][row].as_py()["bytes"]
    reader.close()


def test_few_files_stay_open(parsing_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard_reader, "OPEN_FILES", 1)
    dataset = NtuStoreDataset(parsing_store, size=32)
    assert len(NTU.open(parsing_store).shards("train")) > 1
    for row in (*range(len(dataset)), 0):
        assert dataset[row].rgb is not None
    assert len(dataset._images._reader._open) == 1


def test_row_groups_nulls_and_foreign_files(tmp_path: Path) -> None:
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    values = [None if i % 3 == 0 else {"bytes": bytes([i]) * (40_000 + i), "path": str(i)} for i in range(100)]
    # An image that holds another one's bytes is not taken for it.
    values[50] = {"bytes": values[52]["bytes"] + values[53]["bytes"], "path": "50"}
    values[98] = {"bytes": b"", "path": "98"}
    table = pa.table({"rgb": pa.array(values, image)})
    plain = tmp_path / "plain.parquet"
    pq.write_table(table, plain, row_group_size=32, compression="none", use_dictionary=False, data_page_size=100_000)
    reader = ShardReader([plain])
    for row, value in enumerate(values):
        assert reader.read(0, *divmod(row, 32), "rgb") == (None if value is None else value["bytes"])
    squeezed = tmp_path / "squeezed.parquet"
    pq.write_table(table, squeezed, compression="zstd")
    with pytest.raises(StoreError, match="compressed"):
        ShardReader([squeezed]).read(0, 0, 1, "rgb")
    with pytest.raises(StoreError, match="cannot be read"):
        ShardReader([plain]).read(0, 0, 0, "depth")
    with pytest.raises(StoreError, match="cannot be read"):
        ShardReader([tmp_path / "none.parquet"]).read(0, 0, 0, "rgb")
    plain.write_bytes(plain.read_bytes()[:100])
    reader.close()
    with pytest.raises(StoreError, match="shorter than before"):
        reader.read(0, 0, 2, "rgb")


def test_a_damaged_image_is_named(parsing_store: Path, tmp_path: Path) -> None:
    copy = tmp_path / "store"
    shutil.copytree(parsing_store, copy)
    dataset = NtuStoreDataset(copy, size=32)
    shard, group, row = dataset.index.locations[0].tolist()
    assert dataset[0].rgb is not None
    path = NTU.open(copy).shards()[shard]
    start, length = dataset._images._reader._spans[shard, group, "rgb"][row].tolist()
    with path.open("r+b") as handle:
        handle.seek(start)
        handle.write(bytes(length))
    with pytest.raises(StoreError, match=dataset.index.ids[0]):
        dataset[0]
