"""Recordings whose frames of one number show different moments: a line, and no row of another moment."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from prepare_raw_tree import CLIPS, TEST, TRACKED, TRAIN, RawTree, person, skeleton_text
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.sources.ntu.extents import MOST_APART
from hcmoco_bench.store.kinds.ntu import NtuStore
from hcmoco_bench.store.verify import verify_store

CLIP = CLIPS[1]
ITS = TRAIN[2:]
ALL = (*TRAIN, *TEST)
N = 12


def prepare(tree: RawTree, out: Path, **options: object) -> NtuStore:
    parsing = options.get("set", "parsing4k") == "parsing4k"
    store = prepare_ntu(
        [tree.root],
        out,
        check_options(parts=parsing, **options),
        annotations=tree.masks if parsing else None,
        lists=tree.root / "lists",
    ).store
    assert verify_store(store.path).passed
    return store


def stored(store: NtuStore) -> set[str]:
    return {row["sample_id"] for split in store.stored_splits for row in store.rows(split, ["sample_id"])}


def lines(store: NtuStore) -> set[tuple[str, str, bool]]:
    return {(problem.id, problem.kind, problem.kept) for problem in store.problems()}


def give_video(frames: int) -> Callable[[RawTree], None]:
    return lambda tree: shutil.copyfile(tree._videos(frames), tree.rgb(CLIP)) and None


def give_depth(frames: int) -> Callable[[RawTree], None]:
    def give(tree: RawTree) -> None:
        for frame in range(1, 3 * N):
            tree.depth(CLIP, frame).unlink(missing_ok=True)
        for frame in range(1, frames + 1):
            cv2.imwrite(str(tree.depth(CLIP, frame)), RawTree.depth_of(frame))

    return give


def give_skeleton(frames: int) -> Callable[[RawTree], None]:
    text = skeleton_text([[(5, person(i), TRACKED)] for i in range(frames)])
    return lambda tree: tree.skeleton(CLIP).write_text(text) and None


GIVE = {"video": give_video, "depth": give_depth, "skeleton": give_skeleton}


@pytest.mark.parametrize("apart", [-1, 1])
@pytest.mark.parametrize("recording", GIVE)
def test_a_frame_more_or_less_is_no_problem(small_tree: RawTree, tmp_path: Path, recording: str, apart: int) -> None:
    GIVE[recording](N + apart)(small_tree)
    store = prepare(small_tree, tmp_path / "store")
    assert lines(store) == set()
    assert stored(store) == set(ALL)


@pytest.mark.parametrize("frames", [N // 2, N - MOST_APART - 1, 2 * N])
@pytest.mark.parametrize("recording", ["video", "depth"])
@pytest.mark.parametrize("set_", ["parsing4k", "pretrain"])
def test_images_of_other_moments_are_not_stored(
    small_tree: RawTree, tmp_path: Path, recording: str, frames: int, set_: str
) -> None:
    """Half the rate, trimmed, or doubled: the recording that two others contradict is named with all three lengths."""
    GIVE[recording](frames)(small_tree)
    store = prepare(small_tree, tmp_path / "store", set=set_, every=4)
    mine = {sample for sample, _, _ in lines(store)}
    assert {(kind, kept) for _, kind, kept in lines(store)} == {("lengths_differ", False)}
    assert all(sample.startswith(CLIP) for sample in mine)
    assert mine
    assert not [sample for sample in stored(store) if sample.startswith(CLIP)]
    if set_ == "parsing4k":
        assert mine == set(ITS)
        assert stored(store) == set(ALL) - mine
    problem = store.problems()[0]
    assert problem.file.startswith("nturgb+d_rgb" if recording == "video" else "nturgb+d_depth_masked")
    assert sorted(map(int, re.findall(r"(\d+) of", problem.reason))) == sorted([frames, N, N])


@pytest.mark.parametrize("frames", [N // 2, 2 * N])
def test_skeletons_of_other_moments_are_not_paired(small_tree: RawTree, tmp_path: Path, frames: int) -> None:
    give_skeleton(frames)(small_tree)
    store = prepare(small_tree, tmp_path / "store")
    assert stored(store) == set(ALL)
    assert lines(store) == {(sample, "lengths_differ", True) for sample in ITS}
    assert all(store.find(sample)["bodies"] == [] for sample in ITS)
    pretrain = prepare(small_tree, tmp_path / "pretrain", set="pretrain", every=4)
    assert not [sample for sample in stored(pretrain) if sample.startswith(CLIP)]
    assert {kind for _, kind, _ in lines(pretrain)} == {"lengths_differ"}


def test_without_depth_two_that_disagree_are_both_left_out(small_tree: RawTree, tmp_path: Path) -> None:
    give_video(N // 2)(small_tree)
    shutil.rmtree(small_tree.depth(CLIP, 1).parent)
    store = prepare(small_tree, tmp_path / "store", rgb_only=True)
    assert lines(store) == {(sample, "lengths_differ", False) for sample in ITS}
    give_video(N)(small_tree)
    give_depth(N // 2)(small_tree)
    store = prepare(small_tree, tmp_path / "other", rgb_only=True)
    assert (lines(store), stored(store)) == (set(), set(ALL))  # depth that nobody asked for may be anything


def test_archives_are_compared_too(small_tree: RawTree, tmp_path: Path) -> None:
    give_video(N // 2)(small_tree)
    for folder in ("nturgb+d_rgb", "nturgb+d_depth_masked", "nturgb+d_skeletons"):
        with zipfile.ZipFile(small_tree.root / f"{folder}.zip", "w") as archive:
            for path in sorted((small_tree.root / folder).rglob("*.*")):
                archive.write(path, path.relative_to(small_tree.root))
        shutil.rmtree(small_tree.root / folder)
    store = prepare(small_tree, tmp_path / "store")
    assert lines(store) == {(sample, "lengths_differ", False) for sample in ITS}
    assert stored(store) == set(ALL) - set(ITS)


def test_only_the_frames_of_the_lists_extracted_is_enough(small_tree: RawTree, tmp_path: Path) -> None:
    """Depth with gaps says nothing about the clip's length, and its names say which frames it holds."""
    for frame in set(range(1, N + 1)) - {3, 7}:
        small_tree.depth(CLIP, frame).unlink()
    store = prepare(small_tree, tmp_path / "store")
    assert (lines(store), stored(store)) == (set(), set(ALL))


def first_line(tree: RawTree, number: int) -> None:
    path = tree.skeleton(CLIP)
    path.write_text(re.sub(r"\A\d+", str(number), path.read_text()))


def cut_skeleton(tree: RawTree, share: float) -> None:
    data = tree.skeleton(CLIP).read_bytes()
    tree.skeleton(CLIP).write_bytes(data[: int(share * len(data))])


# What is done, the kind of line, whether the clip's rows are in the set all the same.
SKELETONS: dict[str, tuple[Callable[[RawTree], object], str, int]] = {
    "zero frames": (lambda tree: tree.skeleton(CLIP).write_text("0\n"), "skeleton_no_frames", 0),
    "zero frames without a line end": (lambda tree: tree.skeleton(CLIP).write_text("0"), "skeleton_no_frames", 0),
    "zero promised": (lambda tree: first_line(tree, 0), "skeleton_frames_differ", 3),
    "fewer promised": (lambda tree: first_line(tree, 3), "skeleton_frames_differ", 3),
    "one fewer promised": (lambda tree: first_line(tree, N - 1), "skeleton_frames_differ", 3),
    "one more promised": (lambda tree: first_line(tree, N + 1), "skeleton_frames_differ", 3),
    "cut in its last frame": (lambda tree: cut_skeleton(tree, 0.97), "skeleton_frames_differ", 3),
    "cut in its first frame": (lambda tree: cut_skeleton(tree, 0.05), "skeleton_no_frames", 0),
}


@pytest.mark.parametrize("name", SKELETONS)
def test_a_skeleton_that_is_not_what_it_says_has_a_line(small_tree: RawTree, tmp_path: Path, name: str) -> None:
    damage, kind, rows = SKELETONS[name]
    damage(small_tree)
    command = ["prepare", "ntu", "--root", str(small_tree.root), "--lists", str(small_tree.root / "lists"), "--strict"]
    command += ["--set", "pretrain", "--every", "4", "--workers", "1", "--quiet", "--out", str(tmp_path / "store")]
    assert CliRunner().invoke(app, command).exit_code == 3
    store = prepare(small_tree, tmp_path / "store", set="pretrain", every=4)
    found = [problem for problem in store.problems() if problem.id.startswith(CLIP)]
    assert {problem.kind for problem in found} == {kind}
    assert all(problem.file == f"nturgb+d_skeletons/{CLIP}.skeleton" for problem in found)
    assert len([sample for sample in stored(store) if sample.startswith(CLIP)]) == rows
    assert store.manifest.splits["train"].rows == 9 + rows
    parsing = prepare(small_tree, tmp_path / "parsing")
    assert stored(parsing) == set(ALL)
    assert {problem.kind for problem in parsing.problems() if problem.id.startswith(CLIP)} == {kind}
    assert bool(parsing.find(ITS[0])["bodies"]) == (kind == "skeleton_frames_differ")


def test_the_clip_of_two_shards_has_one_line(small_tree: RawTree, tmp_path: Path) -> None:
    first_line(small_tree, N - 1)
    store = prepare(small_tree, tmp_path / "store", rows_per_shard=1)
    assert [(problem.id, problem.kind) for problem in store.problems()] == [(CLIP, "skeleton_frames_differ")]
    assert store.manifest.problems == {"skeleton_frames_differ": 1}


@pytest.mark.real
def test_real_recordings_of_one_clip_are_in_step(raw_tree: RawTree, real_files: Path, tmp_path: Path) -> None:
    """The published video of 103 frames beside depth and skeletons of 102, 103 and 104."""
    clip = "S001C001P001R001A001"
    raw_tree.add_clip("S001C001P001R001A002", 12)
    raw_tree.write_lists([f"{clip}F060"], [f"{clip}F090"])
    for depth, skeleton in ((103, 103), (102, 104), (104, 102)):
        raw_tree.add_clip(clip, skeleton)
        shutil.rmtree(raw_tree.depth(clip, 1).parent)
        raw_tree.depth(clip, 1).parent.mkdir()
        data = io.BytesIO(cv2.imencode(".png", RawTree.depth_of(1))[1].tobytes()).getvalue()
        for frame in range(1, depth + 1):
            raw_tree.depth(clip, frame).write_bytes(data)
        shutil.copyfile(real_files / "ntu" / f"{clip}_rgb.avi", raw_tree.rgb(clip))
        store = prepare_ntu(
            [raw_tree.root], tmp_path / f"{depth}", check_options(), lists=raw_tree.root / "lists"
        ).store
        assert stored(store) == {f"{clip}F060", f"{clip}F090"}
        assert store.manifest.problems == {}
        assert np.isfinite(store.find(f"{clip}F060")["alignment"]["residual_px"])
