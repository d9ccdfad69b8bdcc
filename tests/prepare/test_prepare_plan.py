"""Which samples are planned, how they are cut into shards, and what the plan's fingerprint notices."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.prepare.plan import NtuPlan, make_plan, stride_frames
from hcmoco_bench.prepare.planned_lengths import declared_frames
from hcmoco_bench.sources.ntu.assets import Asset
from hcmoco_bench.sources.ntu.lists import load_lists
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.sources.ntu.tree import scan
from hcmoco_bench.store.kinds.ntu import PrepareOptions
from hcmoco_bench.store.shards import cut_shards


@pytest.mark.parametrize(
    ("n_frames", "every", "frames"),
    [
        (0, 30, []),
        (1, 30, [1]),
        (14, 30, [7]),
        (30, 30, [15]),
        (44, 30, [15]),
        (45, 30, [15, 45]),
        (103, 30, [15, 45, 75]),
        (5, 1, [1, 2, 3, 4, 5]),
        (6, 2, [1, 3, 5]),
        (6, 3, [2, 5]),
    ],
)
def test_stride_frames_by_hand(n_frames: int, every: int, frames: list[int]) -> None:
    assert list(stride_frames(n_frames, every)) == frames


@given(st.integers(1, 400), st.integers(1, 60))
def test_stride_frames_lie_in_the_clip_a_stride_apart(n_frames: int, every: int) -> None:
    frames = list(stride_frames(n_frames, every))
    assert 1 <= frames[0] <= frames[-1] <= n_frames
    assert {b - a for a, b in pairwise(frames)} <= {every}
    assert abs(len(frames) - n_frames / every) < 1


@given(st.integers(0, 50), st.integers(1, 60))
def test_shards_hold_every_sample_once_in_order(n_samples: int, rows: int) -> None:
    samples = [SampleId.parse(f"{CLIPS[0]}F{i + 1:03d}") for i in range(n_samples)]
    shards = list(cut_shards("train", samples, rows))
    assert [sample for _, cut in shards for sample in cut] == samples
    assert all(len(cut) == rows for _, cut in shards[:-1])
    names = [name for name, _ in shards]
    assert names == [f"train-{i:05d}-of-{len(shards):05d}.parquet" for i in range(len(shards))]


def plan_of(tree: RawTree, *, masks: bool = False, **options: object) -> NtuPlan:
    chosen = PrepareOptions.model_validate(options)
    found = {SampleId.parse(s): Asset(tree.mask(s)) for s in (*TRAIN, *TEST)} if masks else None
    return make_plan(scan([tree.root]), load_lists(tree.root / "lists"), found, chosen)


def test_parsing_plans_the_lists_in_their_order(small_tree: RawTree) -> None:
    plan = plan_of(small_tree, rows_per_shard=3)
    planned = {shard.file: [str(sample) for sample in shard.samples] for shard in plan.shards}
    assert planned == {
        "train-00000-of-00002.parquet": list(TRAIN[:3]),
        "train-00001-of-00002.parquet": list(TRAIN[3:]),
        "test-00000-of-00002.parquet": list(TEST[:3]),
        "test-00001-of-00002.parquet": list(TEST[3:]),
    }
    assert plan.problems == ()


def test_samples_without_a_clip_are_named_and_not_planned(small_tree: RawTree) -> None:
    small_tree.rgb(CLIPS[0]).unlink()
    small_tree.skeleton(CLIPS[0]).unlink()
    shutil.rmtree(small_tree.depth(CLIPS[0], 1).parent)
    plan = plan_of(small_tree)
    assert [(problem.id, problem.kind) for problem in plan.problems] == [(s, "clip_missing") for s in TRAIN[:2]]
    assert [str(sample) for shard in plan.shards for sample in shard.samples] == [*TRAIN[2:], *TEST]
    assert len(plan.splits["train"].ids) == len(TRAIN)


def test_pretrain_takes_the_middle_frames_of_every_clip_with_a_skeleton(small_tree: RawTree) -> None:
    small_tree.skeleton(CLIPS[1]).unlink()
    small_tree.skeleton(CLIPS[2]).write_bytes(b"")
    (small_tree.root / "nturgb+d_skeletons" / "S009C001P001R001A001.skeleton").write_text("twelve\n")
    plan = plan_of(small_tree, set="pretrain", every=5)
    assert [str(sample) for shard in plan.shards for sample in shard.samples] == [
        f"{clip}F{frame:03d}" for clip in (CLIPS[0], CLIPS[3]) for frame in (3, 8)
    ]
    assert [(problem.id, problem.kind) for problem in plan.problems] == [
        (CLIPS[1], "skeleton_missing"),
        (CLIPS[2], "skeleton_empty"),
        ("S009C001P001R001A001", "skeleton_garbled"),
    ]


def test_pretrain_leaves_out_the_clips_listed_as_lacking_skeletons(small_tree: RawTree) -> None:
    from hcmoco_bench.sources.ntu.lists import declare_splits

    lists = small_tree.root / "lists"
    (lists / "NTU_RGBD_samples_with_missing_skeletons.txt").write_text(
        f"2 of the samples ...\n\n{CLIPS[1]}\n{CLIPS[3]}\n"
    )
    (lists / "splits.toml").write_text(declare_splits(lists, "handmade"))
    plan = plan_of(small_tree, set="pretrain")
    assert {str(sample.clip) for shard in plan.shards for sample in shard.samples} == {CLIPS[0], CLIPS[2]}
    assert [(problem.id, problem.kind) for problem in plan.problems] == [
        (clip, "clip_listed_without_skeleton") for clip in (CLIPS[1], CLIPS[3])
    ]


@pytest.mark.parametrize("text", ["-1\n", "1e3\n", "99999999999\n", "x" * 500])
def test_a_garbled_number_of_frames(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.skeleton"
    path.write_text(text)
    with pytest.raises(DataError, match=r"x\.skeleton") as caught:
        declared_frames(Asset(path))
    assert caught.value.kind == "skeleton_garbled"


def test_the_fingerprint_notices_inputs_and_options_and_nothing_else(small_tree: RawTree, tmp_path: Path) -> None:
    before = plan_of(small_tree)
    shutil.copytree(small_tree.root, tmp_path / "elsewhere")
    assert plan_of(RawTree(tmp_path / "elsewhere", lambda n: Path())).sha256 == before.sha256
    others = {
        plan_of(small_tree, align="registered").sha256,
        plan_of(small_tree, seed=1).sha256,
        plan_of(small_tree, rows_per_shard=2).sha256,
        plan_of(small_tree, rgb_only=True).sha256,
        plan_of(small_tree, masks=True, parts=True).sha256,
    }
    with small_tree.depth(CLIPS[0], 3).open("ab") as handle:
        handle.write(b"\0")
    others.add(plan_of(small_tree).sha256)
    small_tree.skeleton(CLIPS[3]).unlink()
    others.add(plan_of(small_tree).sha256)
    assert len(others | {before.sha256}) == 8


def test_frames_that_are_not_used_do_not_count(small_tree: RawTree) -> None:
    before = plan_of(small_tree).sha256
    small_tree.depth(CLIPS[0], 11).unlink()
    small_tree.mask(TRAIN[0]).unlink()
    assert plan_of(small_tree).sha256 == before


def test_depth_that_is_completed_is_another_input(small_tree: RawTree) -> None:
    """Whether frames can be paired depends on how many there are, also on those that are not stored."""
    whole = plan_of(small_tree).sha256
    for frame in range(8, 13):
        small_tree.depth(CLIPS[0], frame).rename(small_tree.root / f"{frame}.png")
    cut = plan_of(small_tree).sha256
    assert cut != whole
    for frame in range(8, 13):
        (small_tree.root / f"{frame}.png").rename(small_tree.depth(CLIPS[0], frame))
    assert plan_of(small_tree).sha256 == whole


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": 0}, "every 0"),
        ({"align": "affine"}, "affine"),
        ({"align": "registered", "rgb_only": True}, "needs depth"),
        ({"set": "pretrain", "parts": True}, "annotations"),
    ],
)
def test_options_that_do_not_work(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_options(**options)
