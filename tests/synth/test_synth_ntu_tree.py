"""The tree that is written: format, geometry, exactness, resuming, lists, archives."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile

import av
import cv2
import numpy as np
import pytest
from PIL import Image

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.sources.ntu.depth import read_depth
from hcmoco_bench.sources.ntu.lists import load_lists
from hcmoco_bench.sources.ntu.masks import MaskFolder, read_mask
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.sources.ntu.skeleton import read_skeleton
from hcmoco_bench.sources.ntu.tree import scan
from hcmoco_bench.sources.ntu.video import count_frames, decode_frames
from hcmoco_bench.synth.ntu import ntu_tree
from hcmoco_bench.synth.ntu.ntu_tree import TreeOptions, write_tree
from hcmoco_bench.synth.ntu.tree_plan import parse_names, parse_performers, plan_clips, plan_samples
from hcmoco_bench.synth.ntu.truth import read_cameras


def _hashes(root):
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


# --- the plan ---------------------------------------------------------------------------------------------------


def test_plans_are_legal_and_repeat():
    plans = plan_clips(100, 5)
    assert plans == plan_clips(100, 5) != plan_clips(100, 6)
    clips = [plan.clip for plan in plans]
    assert len(set(clips)) == 100
    assert clips == sorted(clips)
    for plan in plans:
        clip = plan.clip
        assert 1 <= clip.setup <= 32
        assert 1 <= clip.camera <= 3
        assert 1 <= clip.performer <= 106
        assert clip.replication in (1, 2)
        assert 1 <= clip.action <= 120
        assert (clip.action <= 60) == (clip.setup <= 17)
        assert 40 <= plan.n_frames <= 90
        assert plan.masks[0] == 1
        assert plan.masks[-1] <= plan.n_frames
    # The three cameras see the same performance, so its clips are equally long.
    lengths = {}
    for plan in plans:
        key = (plan.clip.setup, plan.clip.performer, plan.clip.replication, plan.clip.action)
        lengths.setdefault(key, set()).add(plan.n_frames)
    assert all(len(length) == 1 for length in lengths.values())


def test_a_larger_tree_may_be_planned_with_one_clip_or_one_frame():
    (plan,) = plan_clips(1, 0, n_frames=1)
    assert plan.n_frames == 1
    assert plan.masks == (1,)
    assert plan.clip.camera == 1
    for wrong in ({"n_clips": 0}, {"n_clips": 1, "n_frames": 0}, {"n_clips": 1, "mask_every": 0}):
        with pytest.raises(UsageError, match="at least 1"):
            plan_clips(**{"seed": 0, **wrong})


def test_performers_are_those_that_are_asked_for() -> None:
    plans = plan_clips(120, 3, performers=parse_performers("1-3, 50,48-49"))
    assert {plan.clip.performer for plan in plans} == {1, 2, 3, 48, 49, 50}
    assert all((plan.clip.setup <= 17) == (plan.clip.performer <= 40) for plan in plans)
    late = plan_clips(60, 3, performers=(41, 42))
    assert {plan.clip.performer for plan in late} == {41, 42}
    assert all(plan.clip.setup > 17 for plan in late)
    assert plan_clips(60, 3) == plan_clips(60, 3, performers=range(1, 107))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no number or range"),
        ("1-", "is no number or range"),
        ("a-b", "is no number or range"),
        ("9-3", "is no number or range"),
        ("-3", "is no number or range"),
        pytest.param("9" * 5000, "is no number or range", id="endless"),
    ],
)
def test_performers_that_cannot_be_read(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        parse_performers(text)


@pytest.mark.parametrize(
    ("performers", "n_clips", "told"),
    [((), 3, "no performer"), ((0, 4), 3, "performer 0: NTU"), ((107,), 3, "107"), ((41,), 5500, "more performers")],
)
def test_performers_that_ntu_does_not_have(performers: tuple[int, ...], n_clips: int, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plan_clips(n_clips, 0, performers=performers)


def test_a_tree_of_other_performers_is_not_gone_on_with(tmp_path, monkeypatch):
    monkeypatch.setattr(ntu_tree, "_write_all", lambda *given: None)
    plans = plan_clips(3, 0)
    for recurring in (False, True):
        out = tmp_path / str(recurring)
        write_tree(out, plans, TreeOptions(recurring=recurring))
        write_tree(out, plans, TreeOptions(recurring=recurring))
        for other, options in (
            (plans, TreeOptions(recurring=not recurring)),
            (plan_clips(3, 0, performers=[50]), TreeOptions(recurring=recurring)),
        ):
            with pytest.raises(UsageError, match="made with other options"):
                write_tree(out, other, options)


def test_plans_from_names():
    samples = parse_names(["images/S001C002P003R002A004F060.jpg", "", "S001C002P003R002A004F007"], "a list")
    (plan,) = plan_samples(samples, 0)
    assert str(plan.clip) == "S001C002P003R002A004"
    assert plan.masks == (7, 60)
    assert 62 <= plan.n_frames <= 71
    with pytest.raises(DataError, match="a list, line 2"):
        parse_names(["S001C002P003R002A004F060", "S001C002P003"], "a list")
    with pytest.raises(DataError, match="no sample ids"):
        parse_names(["", " "], "a list")
    with pytest.raises(UsageError, match="cameras 1, 2 and 3"):
        plan_samples([SampleId.parse("S001C004P003R002A004F060")], 0)


@pytest.mark.lists
def test_every_official_sample_can_be_planned(official_lists):
    lines = (official_lists / "NTURGBD-Parsing-4K_list.txt").read_text().splitlines()
    samples = parse_names(lines, "official")
    plans = plan_samples(samples, 0)
    assert sum(len(plan.masks) for plan in plans) == len(set(samples)) == 4024


# --- the format -------------------------------------------------------------------------------------------------


def test_the_tree_reads_as_ntu_does(generated_tree):
    tree = scan([generated_tree.root])
    assert tree.generated
    assert not tree.problems
    assert len(tree.clips) == 9
    for clip in tree.clips.values():
        assert count_frames(clip.rgb) == 10
        depth = [read_depth(clip.depth.frame(frame)) for frame in range(1, 11)]
        assert all(image.shape == (424, 512) for image in depth)
        skeleton = read_skeleton(clip.skeleton)
        assert skeleton.declared_frames == skeleton.n_frames == 10
        assert not skeleton.truncated
        with pytest.raises(DataError):
            read_depth(clip.depth.frame(11))


def test_videos_are_as_ntus(generated_tree):
    path = min(generated_tree.root.glob("nturgb+d_rgb/*.avi"))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert container.format.name == "avi"
        assert (stream.width, stream.height, stream.average_rate, stream.pix_fmt) == (1920, 1080, 30, "yuv420p")
        assert stream.codec_context.name == "h264"


@pytest.mark.real
def test_videos_have_the_format_of_the_real_one(generated_tree, real_files):
    facts = []
    for path in (min(generated_tree.root.glob("nturgb+d_rgb/*.avi")), min(real_files.glob("ntu/*_rgb.avi"))):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            codec = stream.codec_context
            facts.append((container.format.name, codec.name, codec.pix_fmt, codec.width, stream.average_rate))
    assert facts[0] == facts[1]


def test_masks_are_as_published(generated_tree):
    table = part_table()
    masks = MaskFolder.open(generated_tree.masks)
    seen = set()
    for path in sorted(generated_tree.masks.glob("*.png")):
        with Image.open(path) as image:
            assert image.mode == "P"
            assert image.size == (512, 424)
            raw = np.asarray(image)
            colors = np.asarray(image.convert("RGB"))
        assert set(np.unique(raw)) <= set(table.raw_ids)
        parts = read_mask(masks.find(SampleId.parse(path.stem)))
        np.testing.assert_array_equal(table.palette[parts], colors)
        np.testing.assert_array_equal(table.raw_ids[parts], raw)
        seen |= set(np.unique(parts))
    assert seen == set(range(25)), "every part is seen somewhere in a tree"


def test_lists_halve_the_masks_and_are_declared(generated_tree):
    lists = load_lists(generated_tree.lists)
    ids = sorted(SampleId.parse(path.stem) for path in generated_tree.masks.glob("*.png"))
    train, test = lists.splits["train"].ids, lists.splits["test"].ids
    assert list(train + test) == ids
    assert len(train) - len(test) in (0, 1)
    assert lists.declaration == "generated"
    first = (generated_tree.lists / "train_list_v2.txt").read_text().splitlines()[0]
    assert first == f"images/{ids[0]}.jpg"


def test_it_says_that_it_is_generated(generated_tree):
    record = json.loads((generated_tree.root / "GENERATED.json").read_text())
    assert record["seed"] == generated_tree.seed
    assert "Not NTU" in record["what"]
    assert len(record["clips"]) == 9


# --- the geometry -----------------------------------------------------------------------------------------------


def test_parts_depth_and_joints_are_of_one_body(noiseless_tree):
    tree = scan([noiseless_tree.root])
    masks = MaskFolder.open(noiseless_tree.masks)
    cameras = read_cameras(noiseless_tree.truth)
    head = part_table().index("head")
    for name, clip in tree.clips.items():
        kinect = cameras[str(name.rig)]
        skeleton = read_skeleton(clip.skeleton)
        for frame in (1, 5, 9):
            parts = read_mask(masks.find(SampleId(name, frame)))
            depth = read_depth(clip.depth.frame(frame))
            np.testing.assert_array_equal(parts > 0, depth > 0)
            records = skeleton.at(frame)
            xyz = skeleton.joints_xyz[records].astype(float)
            np.testing.assert_allclose(kinect.project_depth(xyz), skeleton.joints_depth[records], atol=2e-3)
            np.testing.assert_allclose(kinect.project_color(xyz), skeleton.joints_color[records], atol=2e-2)
            # The head joint of the first body that is on the image projects into pixels of the part "head".
            for xy in skeleton.joints_depth[records, 3]:
                x, y = np.round(xy).astype(int)
                around = parts[max(y - 6, 0) : y + 7, max(x - 6, 0) : x + 7]
                if around.size and around.any():
                    assert head in around


def test_noise_keeps_the_people_where_they_are(generated_tree):
    tree = scan([generated_tree.root])
    masks = MaskFolder.open(generated_tree.masks)
    for name, clip in tree.clips.items():
        parts = read_mask(masks.find(SampleId(name, 5))) > 0
        depth = read_depth(clip.depth.frame(5))
        near = cv2.dilate(parts.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        assert not depth[~near].any()
        assert (depth[parts] > 0).mean() > 0.75
        assert ((depth == 0) | ((depth > 500) & (depth <= 4500))).all()


def test_images_show_a_room_and_somebody_who_moves(noiseless_tree):
    tree = scan([noiseless_tree.root])
    name, clip = next(iter(tree.clips.items()))
    (_, first), (_, last) = decode_frames(clip.rgb, [1, 12])
    assert first.shape == (1080, 1920, 3)
    assert 50 < first.mean() < 205
    assert first.std() > 20
    changed = np.abs(first.astype(int) - last).max(axis=2) > 25
    assert 0.0001 < changed.mean() < 0.15
    # What moves is where the people's depth is.
    kinect = read_cameras(noiseless_tree.truth)[str(name.rig)]
    depth = read_depth(clip.depth.frame(12))
    rows, columns = np.nonzero(depth)
    points = kinect.depth.unproject(np.stack([columns, rows], axis=1), depth[rows, columns] / 1000)
    body = kinect.project_color(points)
    moved = np.argwhere(changed)[:, ::-1]
    low, high = np.nanmin(body, axis=0) - 90, np.nanmax(body, axis=0) + 90
    assert ((moved > low) & (moved < high)).all(axis=1).mean() > 0.9


# --- exactness, resuming, refusing ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Two performances, four clips, made in one go, with the truth."""
    folder = tmp_path_factory.mktemp("small")
    plans = plan_clips(4, 3, n_frames=4, mask_every=2)
    write_tree(folder / "tree", plans, TreeOptions(seed=3, truth=folder / "truth"))
    return plans, folder


@pytest.mark.slow
def test_workers_change_no_byte(small, tmp_path):
    plans, folder = small
    write_tree(tmp_path / "tree", plans, TreeOptions(seed=3, truth=tmp_path / "truth"), workers=2)
    assert _hashes(tmp_path) == _hashes(folder)


def test_a_clip_does_not_depend_on_the_others(small, tmp_path):
    plans, folder = small
    write_tree(tmp_path / "tree", plans[-1:], TreeOptions(seed=3))
    name = str(plans[-1].clip)
    alone = {file: value for file, value in _hashes(tmp_path / "tree").items() if name in file}
    together = {file: value for file, value in _hashes(folder / "tree").items() if name in file}
    assert alone == together
    assert len(alone) == 2 + 4 + 2


def test_an_interrupted_run_goes_on(small, tmp_path, monkeypatch):
    plans, folder = small
    calls = []
    real = ntu_tree.format_skeleton

    def failing(frames):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(frames)

    monkeypatch.setattr(ntu_tree, "format_skeleton", failing)
    options = TreeOptions(seed=3, truth=tmp_path / "truth")
    with pytest.raises(KeyboardInterrupt):
        write_tree(tmp_path / "tree", plans, options)
    finished = list((tmp_path / "tree" / "nturgb+d_skeletons").iterdir())
    assert len(finished) == 2
    before = {path: path.stat().st_mtime_ns for path in finished}
    write_tree(tmp_path / "tree", plans, options)
    assert _hashes(tmp_path) == _hashes(folder)
    assert {path: path.stat().st_mtime_ns for path in finished} == before


def test_the_seed_changes_everything(small, tmp_path):
    plans, folder = small
    write_tree(tmp_path / "tree", plans[:1], TreeOptions(seed=4))
    name = str(plans[0].clip)
    ours, theirs = _hashes(tmp_path / "tree"), _hashes(folder / "tree")
    assert all(ours[file] != theirs[file] for file in ours if name in file)


def test_foreign_folders_are_refused(small, tmp_path):
    plans, _ = small
    (tmp_path / "thesis.docx").write_bytes(b"years of work")
    with pytest.raises(UsageError, match="not empty"):
        write_tree(tmp_path, plans)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not empty"):
        write_tree(tmp_path / "file", plans)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "thesis.docx"]


def test_a_tree_of_other_options_is_not_continued(small, tmp_path):
    plans, folder = small
    shutil.copytree(folder / "tree", tmp_path / "tree")
    for options in (TreeOptions(seed=3, noise=False), TreeOptions(seed=4)):
        with pytest.raises(UsageError, match="other options"):
            write_tree(tmp_path / "tree", plans, options)
    with pytest.raises(UsageError, match="other options"):
        write_tree(tmp_path / "tree", plans[:2], TreeOptions(seed=3))


def test_archives_hold_the_same_bytes(small, tmp_path):
    plans, folder = small
    options = TreeOptions(seed=3, archives=True)
    root = write_tree(tmp_path / "tree", plans, options)
    setups = sorted({plan.clip.setup for plan in plans})
    for setup in setups:
        assert (root / f"nturgbd_rgb_s{setup:03d}.zip").is_file()
        assert (root / f"nturgbd_depth_masked_s{setup:03d}.zip").is_file()
    packed = {}
    for path in root.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            packed |= {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}
    loose = _hashes(folder / "tree")
    assert packed == {name: value for name, value in loose.items() if name.startswith("nturgb+d_")}
    assert not (root / "nturgb+d_rgb").exists()
    assert (root / "png_annotation_v2").is_dir()
    tree = scan([root])
    assert tree.generated
    assert sorted(tree.clips) == [plan.clip for plan in plans]
    before = _hashes(root)
    write_tree(root, plans, options)
    assert _hashes(root) == before


def test_a_full_disk_is_one_clear_sentence(small, tmp_path, monkeypatch):
    plans, _ = small

    def full(path, parts):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(ntu_tree, "write_mask", full)
    with pytest.raises(DataError, match=r"No space left.*goes on"):
        write_tree(tmp_path / "tree", plans[:1], TreeOptions(seed=3))
    monkeypatch.undo()
    write_tree(tmp_path / "tree", plans[:1], TreeOptions(seed=3))
    assert len(list((tmp_path / "tree" / "png_annotation_v2").iterdir())) == len(plans[0].masks)


def test_progress_counts_frames(small, tmp_path):
    plans, _ = small
    told = []
    write_tree(tmp_path / "tree", plans[:2], TreeOptions(seed=3), progress=lambda *news: told.append(news))
    assert told[0] == ("generate", 0, 8)
    assert told[-1] == ("generate", 8, 8)
