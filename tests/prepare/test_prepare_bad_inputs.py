"""Each bad input that a user will meet: a problem line of the right kind, and no good sample lost."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from prepare_raw_tree import CLIPS, TEST, TRACKED, TRAIN, RawTree, person, skeleton_text
from typer.testing import CliRunner

from hcmoco_bench.cli import prepare as prepare_command
from hcmoco_bench.errors import DataError
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.arrays.samples import decode_row
from hcmoco_bench.store.kinds.ntu import NTU, NtuStore
from hcmoco_bench.store.verify import verify_store

# The clip that is damaged: alone on its rig, with two samples to train... the second clip of rig S001C001.
CLIP = CLIPS[1]
ITS = TRAIN[2:]
ALL = (*TRAIN, *TEST)


def prepare(tree: RawTree, out: Path, *more_roots: Path, **options: object) -> NtuStore:
    """Prepare, with checks that hold whatever is wrong with the inputs."""
    store = prepare_ntu(
        [tree.root, *more_roots],
        out,
        check_options(parts=True, **options),
        annotations=tree.masks,
        lists=tree.root / "lists",
    ).store
    check = verify_store(store.path)
    assert check.passed, check.failures
    text = (store.path / "problems.jsonl").read_text()
    assert str(tree.root.parent) not in text
    splits = store.manifest.splits
    left_out = {problem.id for problem in store.problems() if not problem.kept} & set(ALL)
    assert splits["train"].rows + splits["test"].rows + len(left_out) == len(ALL)
    return store


def stored(store: NtuStore) -> set[str]:
    return {row["sample_id"] for split in store.stored_splits for row in store.rows(split, ["sample_id"])}


def lines(store: NtuStore) -> set[tuple[str, str, bool]]:
    return {(problem.id, problem.kind, problem.kept) for problem in store.problems()}


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def test_good_inputs_have_no_problems(small_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(small_tree, tmp_path / "store")
    assert lines(store) == set()
    assert stored(store) == set(ALL)


# What is done to the clip, the kind of the problem, and the samples that are lost for it.
LOSSES: dict[str, tuple[Callable[[RawTree], object], str, tuple[str, ...]]] = {
    "zero-byte video": (lambda tree: tree.rgb(CLIP).write_bytes(b""), "video_unreadable", ITS),
    "text for a video": (lambda tree: tree.rgb(CLIP).write_text("404 not found\n" * 99), "video_unreadable", ITS),
    "no video": (lambda tree: tree.rgb(CLIP).unlink(), "video_missing", ITS),
    "video and skeleton of another length than depth": (lambda tree: tree.add_clip(CLIP, 5), "lengths_differ", ITS),
    "no depth folder": (lambda tree: shutil.rmtree(tree.depth(CLIP, 1).parent), "depth_missing", ITS),
    "one depth frame missing": (lambda tree: tree.depth(CLIP, 3).unlink(), "depth_missing", ITS[:1]),
    "truncated depth": (lambda tree: cut(tree.depth(CLIP, 3), 300), "depth_unreadable", ITS[:1]),
    "8-bit depth": (
        lambda tree: cv2.imwrite(str(tree.depth(CLIP, 3)), np.ones((424, 512), np.uint8)),
        "depth_wrong_type",
        ITS[:1],
    ),
    "wrongly sized depth": (
        lambda tree: cv2.imwrite(str(tree.depth(CLIP, 3)), np.ones((512, 424), np.uint16)),
        "depth_wrong_size",
        ITS[:1],
    ),
    "empty depth": (
        lambda tree: cv2.imwrite(str(tree.depth(CLIP, 3)), np.zeros((424, 512), np.uint16)),
        "depth_empty",
        ITS[:1],
    ),
    "no mask": (lambda tree: tree.mask(ITS[0]).unlink(), "mask_missing", ITS[:1]),
    "mask of another size": (
        lambda tree: cv2.imwrite(str(tree.mask(ITS[0])), np.zeros((100, 100), np.uint8)),
        "mask_wrong_size",
        ITS[:1],
    ),
    "mask with ids outside the table": (
        lambda tree: cv2.imwrite(str(tree.mask(ITS[0])), np.full((424, 512), 99, np.uint8)),
        "mask_unknown_id",
        ITS[:1],
    ),
    "damaged mask": (lambda tree: cut(tree.mask(ITS[0]), 200), "mask_unreadable", ITS[:1]),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_sample_that_cannot_be_made_is_left_out_alone(small_tree: RawTree, tmp_path: Path, name: str) -> None:
    damage, kind, lost = LOSSES[name]
    damage(small_tree)
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == set(ALL) - set(lost)
    assert lines(store) == {(sample, kind, False) for sample in lost}
    assert store.manifest.problems == {kind: len(lost)}
    assert all(problem.file or kind.endswith("_missing") for problem in store.problems())


def test_an_unknown_mask_id_is_named_with_its_pixel_count(small_tree: RawTree, tmp_path: Path) -> None:
    mask = small_tree.mask_of(3)
    mask[0, :7] = 200
    cv2.imwrite(str(small_tree.mask(ITS[0])), mask)
    (problem,) = prepare(small_tree, tmp_path / "store").problems()
    assert problem.file.endswith(f"{ITS[0]}.png")
    assert "200" in problem.reason
    assert "7 px" in problem.reason


def test_a_truncated_video_gives_the_frames_it_still_has(small_tree: RawTree, tmp_path: Path) -> None:
    video = small_tree.rgb(CLIP)
    cut(video, video.stat().st_size // 2)
    store = prepare(small_tree, tmp_path / "store")
    lost = set(ALL) - stored(store)
    assert ITS[1] in lost <= set(ITS)
    assert lines(store) == {(sample, "video_too_short", False) for sample in lost}
    for problem in store.problems():
        assert f"frame {int(problem.id[-3:])} is asked for" in problem.reason


def nan_joints(tree: RawTree) -> None:
    gone = np.full((25, 3), np.nan)
    tree.skeleton(CLIP).write_text(skeleton_text([[(5, gone, TRACKED)]] * 12))


# The kind of the rig's own line, where the calibration met the damaged file too.
WITHOUT_BODIES: dict[str, tuple[Callable[[RawTree], object], str, tuple[str, ...]]] = {
    "no skeleton": (lambda tree: tree.skeleton(CLIP).unlink(), "skeleton_missing", ITS),
    "empty skeleton": (lambda tree: tree.skeleton(CLIP).write_bytes(b""), "skeleton_empty", ITS),
    "garbled skeleton": (lambda tree: tree.skeleton(CLIP).write_text("1\n1\nno numbers\n"), "skeleton_garbled", ITS),
    "all-nan joints": (nan_joints, "joints_not_finite", ITS),
    "nobody in any frame": (
        lambda tree: tree.skeleton(CLIP).write_text(skeleton_text([[]] * 12)),
        "no_body",
        ITS,
    ),
    "fewer skeleton frames than the video": (
        lambda tree: tree.skeleton(CLIP).write_text(skeleton_text([[(5, person(i), TRACKED)] for i in range(5)])),
        "lengths_differ",
        ITS,
    ),
    "truncated skeleton": (
        lambda tree: cut(tree.skeleton(CLIP), tree.skeleton(CLIP).stat().st_size * 2 // 5),
        "skeleton_too_short",
        ITS[1:],
    ),
}


@pytest.mark.parametrize("name", WITHOUT_BODIES)
def test_parsing_keeps_a_sample_without_bodies_and_says_so(small_tree: RawTree, tmp_path: Path, name: str) -> None:
    damage, kind, hurt = WITHOUT_BODIES[name]
    damage(small_tree)
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == set(ALL)
    assert {line for line in lines(store) if line[0] in ALL} == {(sample, kind, True) for sample in hurt}
    for sample in ALL:
        assert bool(store.find(sample)["bodies"]) == (sample not in hurt)


@pytest.mark.parametrize("name", WITHOUT_BODIES)
def test_pretrain_leaves_out_frames_without_bodies(small_tree: RawTree, tmp_path: Path, name: str) -> None:
    damage, kind, hurt = WITHOUT_BODIES[name]
    damage(small_tree)
    store = prepare_ntu(
        [small_tree.root], tmp_path / "store", check_options(set="pretrain", every=4), lists=small_tree.root / "lists"
    ).store
    assert verify_store(store.path).passed
    kept = [row["sample_id"] for row in store.rows("train", ["sample_id"]) if row["sample_id"].startswith(CLIP)]
    whole = {f"{CLIP}F{frame:03d}" for frame in (2, 6, 10)}
    if hurt == ITS:
        assert kept == []
    else:
        assert 0 < len(kept) < 3
        assert set(kept) < whole
    assert kind in store.manifest.problems
    assert store.manifest.splits["train"].rows == 9 + len(kept)


def test_single_nan_joints_stay_nan_and_count_as_untracked(small_tree: RawTree, tmp_path: Path) -> None:
    frames = [[(5, person(i), TRACKED)] for i in range(12)]
    frames[2][0][1][7] = np.nan
    small_tree.skeleton(CLIP).write_text(skeleton_text(frames))
    store = prepare(small_tree, tmp_path / "store")
    assert lines(store) == set()
    found = decode_row(store.find(ITS[0]))
    assert np.isnan(found.joints_xyz[0, 7]).all()
    assert np.isfinite(np.delete(found.joints_xyz[0], 7, axis=0)).all()
    assert found.tracking[0, 7] == 0
    assert found.tracking[0].sum() == 48


def test_a_rig_with_too_few_points(small_tree: RawTree, tmp_path: Path) -> None:
    clip, samples = CLIPS[3], TEST[2:]
    small_tree.skeleton(clip).write_text(skeleton_text([[]] * 12))
    store = prepare(small_tree, tmp_path / "store")
    assert lines(store) == {(clip[:8], "rig_too_few_points", False)} | {
        (sample, "rig_uncalibrated", False) for sample in samples
    }
    assert stored(store) == set(ALL) - set(samples)


def test_duplicate_clips_in_two_roots(small_tree: RawTree, tmp_path: Path) -> None:
    second = tmp_path / "second"
    shutil.copytree(small_tree.root / "nturgb+d_rgb", second / "nturgb+d_rgb")
    store = prepare(small_tree, tmp_path / "store", second)
    assert stored(store) == set(ALL)
    assert {kind for _, kind, _ in lines(store)} == {"duplicate_clip"}


def test_names_that_do_not_parse(small_tree: RawTree, tmp_path: Path) -> None:
    (small_tree.root / "nturgb+d_rgb" / "S1C1_rgb.avi").write_bytes(b"")
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == set(ALL)
    assert {kind for _, kind, _ in lines(store)} == {"name_unparsable"}


def test_an_unreadable_zip_beside_good_folders(small_tree: RawTree, tmp_path: Path) -> None:
    (small_tree.root / "nturgbd_rgb_s009.zip").write_bytes(b"PK\x03\x04 not a whole archive")
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == set(ALL)
    assert {kind for _, kind, _ in lines(store)} == {"zip_unreadable"}


def test_archives_give_the_same_rows_as_folders(small_tree: RawTree, tmp_path: Path) -> None:
    before = prepare(small_tree, tmp_path / "folders")
    for folder in ("nturgb+d_rgb", "nturgb+d_depth_masked", "nturgb+d_skeletons", "png_annotation_v2"):
        with zipfile.ZipFile(small_tree.root / f"{folder}.zip", "w") as archive:
            for path in sorted((small_tree.root / folder).rglob("*.*")):
                archive.write(path, path.relative_to(small_tree.root))
        if folder != "png_annotation_v2":
            shutil.rmtree(small_tree.root / folder)
    after = prepare(small_tree, tmp_path / "archives")
    assert lines(after) == set()
    assert before.manifest.shards.keys() == after.manifest.shards.keys()
    for one, two in zip(before.rows("train"), after.rows("train"), strict=True):
        assert one == two


def test_a_damaged_member_of_an_archive(small_tree: RawTree, tmp_path: Path) -> None:
    archive = small_tree.root / "rgb.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as target:
        for path in sorted((small_tree.root / "nturgb+d_rgb").iterdir()):
            target.write(path, f"nturgb+d_rgb/{path.name}")
        place = target.getinfo(f"nturgb+d_rgb/{CLIP}_rgb.avi").header_offset + 3000
    shutil.rmtree(small_tree.root / "nturgb+d_rgb")
    data = bytearray(archive.read_bytes())
    data[place : place + 50] = b"\xff" * 50
    archive.write_bytes(data)
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == set(ALL) - set(ITS)
    assert lines(store) == {(sample, "zip_unreadable", False) for sample in ITS}
    assert store.problems()[0].file == f"rgb.zip!nturgb+d_rgb/{CLIP}_rgb.avi"


def test_symbolic_links_that_go_round(small_tree: RawTree, tmp_path: Path) -> None:
    (small_tree.root / "nturgb+d_rgb" / "round").symlink_to(small_tree.root, target_is_directory=True)
    (small_tree.root / "nowhere").symlink_to(small_tree.root / "not there")
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == set(ALL)
    assert not {kind for _, kind, _ in lines(store)} - {"folder_unreadable"}


def test_a_root_that_is_not_there(small_tree: RawTree, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere") as caught:
        prepare(small_tree, tmp_path / "store", tmp_path / "nowhere")
    assert caught.value.kind == "root_unreadable"


def test_all_at_once(small_tree: RawTree, tmp_path: Path) -> None:
    """One clip without a video, one without a skeleton, one sample without depth, one without a mask."""
    small_tree.rgb(CLIPS[0]).unlink()
    small_tree.skeleton(CLIPS[1]).unlink()
    small_tree.depth(CLIPS[2], 2).unlink()
    small_tree.mask(TEST[3]).unlink()
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == {*TRAIN[2:], TEST[1], TEST[2]}
    assert lines(store) == {
        (TRAIN[0], "video_missing", False),
        (TRAIN[1], "video_missing", False),
        (TRAIN[2], "skeleton_missing", True),
        (TRAIN[3], "skeleton_missing", True),
        (TEST[0], "depth_missing", False),
        (TEST[3], "mask_missing", False),
    }


def test_strict_exits_with_3_if_and_only_if_there_is_a_problem(small_tree: RawTree, tmp_path: Path) -> None:
    import typer

    app = typer.Typer()
    prepare_command.register(app)
    arguments = ["prepare", "ntu", "--root", str(small_tree.root), "--lists", str(small_tree.root / "lists")]
    arguments += ["--annotations", str(small_tree.masks), "--workers", "1", "--strict", "--quiet", "--out"]
    assert CliRunner().invoke(app, [*arguments, str(tmp_path / "good")]).exit_code == 0
    small_tree.mask(TRAIN[0]).unlink()
    assert CliRunner().invoke(app, [*arguments, str(tmp_path / "bad")]).exit_code == 3
    assert NTU.open(tmp_path / "bad").manifest.problems == {"mask_missing": 1}
