"""Generated ITOP files: the published form, labels that agree with the depth maps, people on one side only."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import loadmat
from typer.testing import CliRunner

from hcmoco_bench.body import joint_set
from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import UsageError
from hcmoco_bench.sources.itop import SPLITS, open_itop, pixels_from_world, read_boxes, world_from_pixels
from hcmoco_bench.synth.itop.boxes import write_boxes
from hcmoco_bench.synth.itop.clip import itop_joints, make_clip
from hcmoco_bench.synth.itop.itop_files import ItopOptions, count_frames, plan_people, write_itop
from hcmoco_bench.synth.itop.sensor import measure


def test_the_published_form(generated_itop: Path) -> None:
    for split in SPLITS:
        with h5py.File(generated_itop / f"ITOP_side_{split}_labels.h5") as labels:
            n = len(labels["id"])
            assert {name: (one.dtype.str, one.shape[1:]) for name, one in labels.items()} == {
                "id": ("|S8", ()),
                "image_coordinates": ("<i2", (15, 2)),
                "is_valid": ("|u1", ()),
                "real_world_coordinates": ("<f2", (15, 3)),
                "segmentation": ("|i1", (240, 320)),
                "visible_joints": ("<i2", (15,)),
            }
            assert {len(one) for one in labels.values()} == {n}
            ids = labels["id"][:]
        with h5py.File(generated_itop / f"ITOP_side_{split}_depth_map.h5") as depth:
            assert (depth["data"].dtype, depth["data"].shape) == (np.float16, (n, 240, 320))
            np.testing.assert_array_equal(depth["id"][:], ids)


def test_boxes_as_published(generated_itop: Path) -> None:
    train = pickle.loads((generated_itop / "bounding_box_depth_train.pkl").read_bytes())
    assert list(train) == [str(number) for number in range(1, 17)]
    assert {(boxes.dtype.name, boxes.shape[1]) for boxes in train.values()} == {("float32", 5)}
    test = loadmat(generated_itop / "itop_side_bndbox_test.mat")["FRbndbox_test"]
    for split, count in (("train", len(train)), ("test", len(test))):
        source = open_itop(generated_itop, split)
        assert source.n_valid == count
        boxes = read_boxes(generated_itop, source)
        joints = pixels_from_world(source.joints)
        inside = ((joints >= boxes[:, None, :2]) & (joints <= boxes[:, None, 2:])).all(axis=-1)
        assert inside.mean() > 0.95  # 98.9 % in the published file of test
        assert ((boxes[:, 2:] - boxes[:, :2]).prod(axis=1) < 0.6 * 240 * 320).all()


def test_some_frames_have_no_box_or_several(tmp_path: Path) -> None:
    """As a detector errs; without noise, each box is that of the person's pixels."""
    rng = np.random.default_rng(0)
    segmentation = np.full((400, 240, 320), -1, np.int8)
    corners = rng.integers([20, 20], [200, 100], (400, 2))
    for image, (x, y) in zip(segmentation, corners, strict=True):
        image[y : y + 100, x : x + 60] = 3
    segmentation[7] = -1
    for split in SPLITS:
        with h5py.File(tmp_path / f"ITOP_side_{split}_labels.h5", "w") as file:
            file["segmentation"], file["is_valid"] = segmentation, np.arange(400) != 11
    true = np.delete(np.column_stack([corners, corners + np.array([60, 100])]), 11, axis=0)
    for noise in (True, False):
        write_boxes(tmp_path, 3, noise=noise)
        train = list(pickle.loads((tmp_path / "bounding_box_depth_train.pkl").read_bytes()).values())
        test = loadmat(tmp_path / "itop_side_bndbox_test.mat")["FRbndbox_test"]
        assert len(train) == len(test) == 399
        assert test[7].tolist() == [0, 0, 320, 240]
        counts = np.bincount([len(boxes) for boxes in train], minlength=3)
        found = np.array([len(boxes) > 0 for boxes in train])
        off = np.abs(np.array([boxes[0, :4] for boxes in train if len(boxes)]) - true[found])
        if noise:
            assert 2 <= counts[0] <= 20
            assert 40 <= counts[2] <= 120
            assert all(boxes[0, 4] > boxes[1, 4] for boxes in train if len(boxes) > 1)
            assert 1 < off.mean() < 5
        else:
            assert counts.tolist() == [1, 398, 0]
            assert off.max() == 0
            np.testing.assert_array_equal(np.delete(test - true, 7, axis=0), np.tile([-12, -12, 12, 12], (398, 1)))
        for name in ("bounding_box_depth_train.pkl", "itop_side_bndbox_test.mat"):
            (tmp_path / name).unlink()


def test_nobody_is_in_both_splits(generated_itop: Path) -> None:
    people = {split: set(open_itop(generated_itop, split).people) for split in SPLITS}
    assert people == {"train": {"01", "02"}, "test": {"00"}}
    assert plan_people(20) == plan_people(200) == {"train": range(4, 20), "test": range(4)}
    assert plan_people(2) == {"train": range(1, 2), "test": range(1)}
    counts = count_frames(generated_itop)
    assert (counts["train"].people, counts["train"].frames, counts["test"].frames) == (2, 16, 8)


def test_labels_agree_with_each_other_and_with_the_depth(generated_itop: Path) -> None:
    for split in SPLITS:
        found = open_itop(generated_itop, split)
        assert found.generated
        # half a px of rounding, and half a float16 step of 2 mm at 2 to 4 m
        assert np.abs(pixels_from_world(found.joints) - found.pixels).max() < 1.0
        with h5py.File(generated_itop / f"ITOP_side_{split}_labels.h5") as labels:
            segmentation = labels["segmentation"][:][found.rows]
        for row in range(len(found)):
            depth, parts = found.depth(row), segmentation[row]
            assert 300 < (parts >= 0).sum() < 20_000
            y, x = np.nonzero((parts >= 0) & (depth > 0))
            surface = world_from_pixels(np.stack([x, y], axis=-1), depth[y, x])
            far = np.linalg.norm(surface[:, None] - found.joints[row], axis=-1)
            # the label is the nearest joint; flying px at the outline aside, the surface is near it
            assert (far.argmin(axis=1) == parts[y, x]).mean() > 0.9
            assert np.median(far.min(axis=1)) < 0.15
            u, v = found.pixels[row].astype(int).T
            behind = found.joints[row][:, 2] - depth[v, u]
            seen = found.visible[row] & (depth[v, u] > 0)
            assert np.median(behind[seen]) == pytest.approx(0.08, abs=0.08)


def test_people_stand_upright_and_have_their_sides(generated_itop: Path) -> None:
    joints = open_itop(generated_itop, "train").joints
    names = joint_set("itop15")
    assert (joints[:, names.index("head"), 1] > joints[:, names.index("torso"), 1]).all()
    height = joints[:, names.index("head"), 1] - joints[
        :, [names.index("left foot"), names.index("right foot")], 1
    ].min(1)
    assert 1.0 < np.median(height) < 1.9
    kinect = joint_set("kinect25").joints
    for name, index in zip(names.joints, itop_joints(), strict=True):
        assert kinect[index] == name or name == "torso"


def test_without_noise_the_depth_is_true_and_all_labels_hold() -> None:
    clip = make_clip(5, 1, 0, 3, noise=False, device="cpu")
    again = make_clip(5, 1, 0, 3, noise=False, device="cpu")
    np.testing.assert_array_equal(clip.depth, again.depth)
    assert (clip.depth > 0).mean() > 0.99  # a closed room
    noisy = make_clip(5, 1, 0, 3, device="cpu")
    np.testing.assert_array_equal(clip.segmentation, noisy.segmentation)
    both = (clip.depth > 0) & (noisy.depth > 0)
    person = both & (clip.segmentation >= 0)
    difference = np.abs(clip.depth - noisy.depth).astype(float)
    assert 0.002 < np.median(difference[person]) < 0.02
    assert (noisy.depth == 0).mean() > (clip.depth == 0).mean()


def test_the_sensor_errs_more_far_away() -> None:
    rng = np.random.default_rng(0)
    near, far, nothing = (measure(np.full((60, 80), z, np.float32), rng).astype(float) for z in (1.0, 4.0, 0.0))
    assert 0.0005 < near.std() < 0.005 < far.std() < 0.05
    assert abs(far.mean() - 4) < 0.02
    assert (nothing == 0).all()
    assert (measure(np.full((60, 80), 12.0, np.float32), rng) == 0).all()


def test_the_same_seed_gives_the_same_bytes_and_what_is_there_is_kept(generated_itop: Path, tmp_path: Path) -> None:
    out = tmp_path / "again"
    write_itop(out, ItopOptions(clips=3, frames=8, seed=5))
    files = [path for path in sorted(out.iterdir()) if path.suffix in (".h5", ".pkl", ".mat")]
    hashes = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert len(hashes) == 6
    for name, value in hashes.items():
        assert hashlib.sha256((generated_itop / name).read_bytes()).hexdigest() == value
    kept = out / "ITOP_side_train_labels.h5"
    before = kept.stat().st_mtime_ns
    (out / "ITOP_side_test_depth_map.h5").unlink()
    write_itop(out, ItopOptions(clips=3, frames=8, seed=5))
    assert kept.stat().st_mtime_ns == before
    assert (
        hashlib.sha256((out / "ITOP_side_test_depth_map.h5").read_bytes()).hexdigest()
        == hashes["ITOP_side_test_depth_map.h5"]
    )
    with pytest.raises(UsageError, match="other options"):
        write_itop(out, ItopOptions(clips=3, frames=8, seed=6))


def test_too_little_to_generate(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--clips 2 or more"):
        write_itop(tmp_path / "none", ItopOptions(clips=1))
    with pytest.raises(UsageError, match="at least one frame"):
        write_itop(tmp_path / "none", ItopOptions(frames=0))
    assert not (tmp_path / "none").exists()


def test_the_command(tmp_path: Path) -> None:
    runner = CliRunner()
    assert "eval --task itop_pose" in runner.invoke(app, ["synth", "itop", "--help"]).output.replace("\n", " ")
    done = runner.invoke(
        app,
        ["synth", "itop", "--out", str(tmp_path / "itop"), "--clips", "2", "--frames", "1", "--seed", "5", "--json"],
    )
    assert done.exit_code == 0, done.output
    assert '"people": 1' in done.stdout
    assert len(open_itop(tmp_path / "itop", "train")) + len(open_itop(tmp_path / "itop", "test")) > 0
