"""Generated Human3.6M: the published layout, labels that fit the video, and the store that is made of it."""

from __future__ import annotations

import cv2
import h5py
import numpy as np
import pytest

from hcmoco_bench.body import joint_set, part_table
from hcmoco_bench.data.parsing import ParsingDataset
from hcmoco_bench.data.parsing_index import read_parsing_index
from hcmoco_bench.errors import UsageError
from hcmoco_bench.prepare.human36m_poses import fit_camera
from hcmoco_bench.sources.human36m import PartLabels, count_frames, decode_frames, scan
from hcmoco_bench.sources.human36m.positions import read_positions, read_projections
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.synth.human36m import Human36mOptions, write_human36m
from hcmoco_bench.synth.human36m.dataset import plan_recordings


def test_the_plan_has_both_sides_from_the_second_performance_on():
    names = plan_recordings(10, 4)
    assert [name.subject for name in names] == [1] * 4 + [9] * 4 + [5] * 2
    assert len(set(names)) == 10
    many = plan_recordings(28 * 12 + 4, 4)
    assert len(set(many)) == len(many)
    assert {name.subject for name in many} == {1, 5, 6, 7, 8, 9, 11}
    assert many[-1].action == "Directions 1"
    with pytest.raises(UsageError):
        plan_recordings(0, 4)


def test_files_are_matlab_files_and_fit_their_videos(generated_human36m):
    tree = scan(generated_human36m)
    assert tree.generated
    assert [recording.name.subject for recording in tree.recordings] == [1, 9]
    for recording in tree.recordings:
        assert recording.labels.read_bytes().startswith(b"MATLAB 7.3 MAT-file")
        with h5py.File(recording.labels) as file:
            assert file["Feat"].shape == (26, 1)
            assert file["Feat"].attrs["MATLAB_class"] == b"cell"
            assert file[file["Feat"][0, 0]].dtype == np.uint8
        assert count_frames(recording.video) == 26
        with PartLabels(recording.labels) as labels:
            shown = dict(decode_frames(recording.video, [0, 12, 25]))
            people = [labels.read(frame) for frame in shown]
        for parts, rgb in zip(people, shown.values(), strict=True):
            assert parts.shape == rgb.shape[:2] == (96, 96)
            assert 150 < (parts > 0).sum() < 3000
            assert len(np.unique(parts)) > 12
        # Where somebody is in one frame and not in the other, the image differs; elsewhere it hardly does.
        changed = (people[0] > 0) != (people[2] > 0)
        still = (people[0] == 0) & (people[1] == 0) & (people[2] == 0)
        difference = np.abs(shown[0].astype(int) - shown[25].astype(int)).mean(2)
        if changed.sum() > 30:
            assert difference[changed].mean() > 4 * difference[still].mean()


def test_a_killed_run_continues_to_the_same_bytes(generated_human36m, tmp_path):
    class KilledError(Exception):
        pass

    def kill(label, done, total):
        if done:
            raise KilledError

    options = Human36mOptions(clips=2, seed=1, frames=26, cameras=1, width=96)
    out = tmp_path / "again"
    with pytest.raises(KilledError):
        write_human36m(out, options, progress=kill)
    assert len(list(out.rglob("*.mp4"))) == 1
    (begun,) = out.rglob("*.mp4")
    time = begun.stat().st_mtime_ns
    write_human36m(out, options)
    assert begun.stat().st_mtime_ns == time
    for path in sorted(p for p in generated_human36m.rglob("*") if p.is_file()):
        assert (out / path.relative_to(generated_human36m)).read_bytes() == path.read_bytes(), path.name
    with pytest.raises(UsageError, match="other options"):
        write_human36m(out, Human36mOptions(clips=3, seed=1, frames=26, cameras=1, width=96))


def test_the_store_is_parsed_as_it_is(human36m_store, generated_human36m):
    store = open_store(human36m_store)
    assert store.manifest.source.generated
    assert "CC0" in store.manifest.source.license
    assert {name: split.rows for name, split in store.manifest.splits.items()} == {
        "train": 2, "test": 2, "train_20": 0, "train_10": 0, "train_5": 0, "train_1": 0,
    }  # fmt: skip
    index = read_parsing_index(store, "test", "rgb")
    assert index.groups.tolist() == ["9", "9"]
    data = ParsingDataset(store.path, index, store.shards(), modality="rgb", size=64, framing="fit", train=False)
    (recording,) = [one for one in scan(generated_human36m).recordings if one.name.subject == 9]
    with PartLabels(recording.labels) as labels:
        for row, frame in enumerate((0, 25)):
            sample = data[row]
            assert sample.sample_id == f"{recording.name}_{frame:06d}"
            assert sample.rgb.shape == (3, 64, 64)
            np.testing.assert_array_equal(sample.label.numpy(), labels.read(frame))
            assert int(sample.label.max()) < len(part_table())


LEGS = ("knee", "ankle", "toe base", "toe end")


def test_joints_are_where_the_images_show_the_person(generated_human36m):
    """Their projection by the camera that was filmed with, on the person's pixels, limbs on the limbs of their side."""
    names, table = joint_set("h36m32"), part_table()
    on_the_person, on_their_side = [], []
    for recording in scan(generated_human36m).recordings:
        joints, pixels = read_positions(recording.positions), read_projections(recording.projections)
        assert joints.shape == (26, 32, 3)
        camera = fit_camera(joints, pixels, recording.positions)
        assert camera.residual < 1e-3
        assert camera.intrinsics[:2] == pytest.approx([1145 * 96 / 1000] * 2, rel=0.02)
        assert camera.intrinsics[2:] == pytest.approx([47.5, 47.5], abs=0.01)
        repeated = {"spine base": "root", "left collar": "neck", "left thumb base": "left wrist"}
        for twin, one in repeated.items():
            np.testing.assert_array_equal(joints[:, names.index(twin)], joints[:, names.index(one)])
        head, feet = joints[:, names.index("head"), 1], joints[:, names.index("left ankle"), 1]
        assert ((feet - head > 1100) & (feet - head < 2000)).all()
        with PartLabels(recording.labels) as labels:
            for frame in (0, 12, 25):
                parts = labels.read(frame)
                near = cv2.dilate((parts > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
                # Furniture may stand in front of the legs.
                upper = [place for place, name in enumerate(names.joints) if not name.endswith(LEGS)]
                columns, rows = np.round(pixels[frame, upper]).astype(int).T
                on_the_person += near[rows, columns].tolist()
                for name in ("left knee", "right knee", "left elbow", "right elbow"):
                    x, y = np.round(pixels[frame, names.index(name)]).astype(int)
                    side, other = name.split()[0], {"left": "right", "right": "left"}[name.split()[0]]
                    seen = " ".join(table.names[i] for i in np.unique(parts[y - 1 : y + 2, x - 1 : x + 2]))
                    on_their_side += [True] * (side in seen) + [False] * (other in seen and side not in seen)
    assert np.mean(on_the_person) > 0.9
    assert np.mean(on_their_side) > 0.75
