"""A store holds exactly what the raw tree holds: right frames, right pixels, right order; and the same bytes always."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from prepare_raw_tree import CLIPS, TEST, TRACKED, TRAIN, RawTree, folder_hashes, person, skeleton_text

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.prepare.executors import LocalExecutor
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.store.arrays.samples import SampleArrays, decode_row
from hcmoco_bench.store.kinds.ntu import NTU
from hcmoco_bench.store.prepare import Prepared
from hcmoco_bench.store.verify import verify_store


def prepare(tree: RawTree, out: Path, *, masks: bool = True, workers: int = 1, **options: object) -> Prepared:
    return prepare_ntu(
        [tree.root],
        out,
        check_options(parts=masks, **options),
        annotations=tree.masks if masks else None,
        lists=tree.root / "lists",
        executor=LocalExecutor(workers),
    )


def sample(prepared: Prepared, sample_id: str) -> SampleArrays:
    return decode_row(prepared.store.find(sample_id))


@pytest.mark.parametrize("align", ["homography", "registered"])
def test_every_sample_is_its_own_frame(small_tree: RawTree, tmp_path: Path, align: str) -> None:
    prepared = prepare(small_tree, tmp_path / "store", align=align)
    assert prepared.store.manifest.problems == {}
    for sample_id in (*TRAIN, *TEST):
        clip, frame = sample_id[:20], int(sample_id[21:])
        found = sample(prepared, sample_id)
        assert found.rgb.shape == (424, 512, 3)
        assert abs(float(found.rgb[150:250, 200:300, 0].mean()) - 10 * frame) < 3
        assert found.depth is not None
        np.testing.assert_array_equal(found.depth, cv2.imread(str(small_tree.depth(clip, frame)), cv2.IMREAD_UNCHANGED))
        assert found.parts is not None
        raw = cv2.imread(str(small_tree.mask(sample_id)), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(part_table().encode(found.parts), raw)
        row = prepared.store.find(sample_id)
        assert row["alignment"]["mode"] == align
        assert 0 <= row["alignment"]["residual_px"] < 0.5
        assert (row["setup"], row["camera"], row["performer"]) == (int(clip[1:4]), int(clip[5:8]), int(clip[9:12]))
        assert (row["replication"], row["action"], row["frame"]) == (int(clip[13:16]), int(clip[17:20]), frame)


@pytest.mark.parametrize(("align", "limit"), [("homography", 0.5), ("registered", 0.3)])
def test_joints_and_colors_meet_in_the_depth_frame(
    small_tree: RawTree, tmp_path: Path, align: str, limit: float
) -> None:
    """The video's green grows by 1 every 5 rows: a color says which row of the video it came from."""
    prepared = prepare(small_tree, tmp_path / "store", align=align)
    found = sample(prepared, TRAIN[1])
    joints = [0, 1, 20, 2, 4, 8, 12, 16]  # joints on the torso, inside the person's box of depth
    columns, rows = np.rint(found.joints_depth[0, joints]).astype(int).T
    nearest = np.stack([columns, rows], axis=1) - found.joints_depth[0, joints]
    video_rows = found.joints_color[0, joints, 1] + nearest[:, 1] * 2.9
    around = [found.rgb[r - 2 : r + 3, c - 2 : c + 3, 1].mean() for r, c in zip(rows, columns, strict=True)]
    assert abs(float(np.mean(np.array(around) - video_rows / 5))) < limit * 2.9 / 5 + 0.7  # one level of the codec


def test_bodies_are_those_of_the_frame_main_body_first(small_tree: RawTree, tmp_path: Path) -> None:
    clip = TRAIN[0][:20]
    chair = np.tile([0.5, -0.5, 2.5], (25, 1)) + np.linspace(0, 0.2, 25)[:, None]
    frames = [[(11, chair, np.ones(25, int)), (22, person(frame), TRACKED)] for frame in range(1, 13)]
    small_tree.skeleton(clip).write_text(skeleton_text(frames))
    found = sample(prepare(small_tree, tmp_path / "store"), TRAIN[0])
    assert found.body_id.tolist() == [22, 11]
    np.testing.assert_allclose(found.joints_xyz[0], person(3), atol=1e-5)
    np.testing.assert_array_equal(found.tracking, [[2] * 25, [1] * 25])


def test_splits_manifest_and_order(small_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(small_tree, tmp_path / "store", rows_per_shard=3).store
    assert store.stored_splits == ("train", "test")
    assert [row["sample_id"] for row in store.rows("train", ["sample_id"])] == list(TRAIN)
    assert [row["sample_id"] for row in store.rows("test", ["sample_id"])] == list(TEST)
    assert [row["sample_id"] for row in store.rows("v3_train", ["sample_id"])] == [TRAIN[0]]
    manifest = store.manifest
    assert manifest.splits["train"].model_dump() == {
        "expected": 4,
        "rows": 4,
        "sha256": fingerprint([SampleId.parse(s) for s in TRAIN]),
    }
    assert [entry.rows for entry in manifest.shards.values()] == [3, 1, 3, 1]
    assert manifest.lists.declaration == "handmade"
    assert not manifest.source.generated
    text = (store.path / "manifest.json").read_text()
    assert str(tmp_path) not in text
    assert json.loads(text)["schema"] == 1
    assert sorted(path.name for path in store.path.iterdir() if path.suffix != ".parquet") == [
        "calibration.json",
        "manifest.json",
        "problems.jsonl",
        "splits.json",
    ]


def test_the_same_bytes_wherever_and_however_it_is_made(small_tree: RawTree, tmp_path: Path) -> None:
    one = folder_hashes(prepare(small_tree, tmp_path / "one", rows_per_shard=3).store.path)
    place = tmp_path / "mit Leerzeichen und Ü"
    shutil.move(small_tree.root, place)
    small_tree.root = place
    two = folder_hashes(prepare(small_tree, tmp_path / "two", rows_per_shard=3, workers=2).store.path)
    assert one == two


def test_a_list_that_jumps_between_clips_keeps_its_order(small_tree: RawTree, tmp_path: Path) -> None:
    mixed = (TRAIN[3], TRAIN[0], TRAIN[2], TRAIN[1])
    small_tree.write_lists(mixed, TEST)
    store = prepare(small_tree, tmp_path / "store").store
    assert [row["sample_id"] for row in store.rows("train", ["sample_id"])] == list(mixed)
    assert verify_store(store.path).passed


def test_more_rows_than_a_row_group(raw_tree: RawTree, tmp_path: Path) -> None:
    n_frames = NTU.row_group + 3
    raw_tree.add_clip(CLIPS[0], n_frames)
    raw_tree.write_lists([f"{CLIPS[0]}F{frame:03d}" for frame in range(1, n_frames + 1)], [])
    store = prepare(raw_tree, tmp_path / "store", masks=False).store
    frames = [row["frame"] for row in store.rows("train", ["frame"])]
    assert frames == list(range(1, n_frames + 1))
    assert store.manifest.shards["test-00000-of-00001.parquet"].rows == 0
    assert verify_store(store.path).passed


def test_without_masks_there_is_no_column_parts(small_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(small_tree, tmp_path / "store", masks=False).store
    assert not store.manifest.parts
    assert "parts" not in store.find(TRAIN[0])
    assert verify_store(store.path).passed


def test_rgb_only_makes_do_without_depth(small_tree: RawTree, tmp_path: Path) -> None:
    shutil.rmtree(small_tree.root / "nturgb+d_depth_masked")
    store = prepare(small_tree, tmp_path / "store", rgb_only=True).store
    assert store.manifest.problems == {}
    row = store.find(TRAIN[0])
    assert row["depth"] is None
    assert row["rgb"] is not None
    assert verify_store(store.path).passed


def test_pretrain_stores_one_frame_of_every(small_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(small_tree, tmp_path / "store", masks=False, set="pretrain", every=5, rows_per_shard=3).store
    ids = [f"{clip}F{frame:03d}" for clip in CLIPS for frame in (3, 8)]
    assert [row["sample_id"] for row in store.rows("train", ["sample_id"])] == ids
    assert store.manifest.splits.keys() == {"train"}
    assert verify_store(store.path).passed


def test_no_clips_or_none_that_is_asked_for(small_tree: RawTree, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    options = check_options()
    with pytest.raises(DataError, match="no NTU clip"):
        prepare_ntu([tmp_path / "empty"], tmp_path / "store", options, lists=small_tree.root / "lists")
    small_tree.write_lists(["S009C001P001R001A001F001"], ["S009C001P001R001A001F002"])
    with pytest.raises(DataError, match="none of its 4 clips"):
        prepare_ntu([small_tree.root], tmp_path / "store", options, lists=small_tree.root / "lists")
    with pytest.raises(UsageError):
        prepare_ntu([], tmp_path / "store", options)
    with pytest.raises(UsageError, match="annotations"):
        prepare_ntu([small_tree.root], tmp_path / "store", options, annotations=small_tree.masks)
