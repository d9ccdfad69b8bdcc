"""The real clip and skeletons: a video of the data set warps onto the depth frame of its rig."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prepare_raw_tree import RawTree

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.arrays.samples import decode_row
from hcmoco_bench.store.kinds.ntu import NtuStore
from hcmoco_bench.store.verify import verify_store


@pytest.fixture
def real_tree(raw_tree: RawTree, real_files: Path) -> RawTree:
    """The real files with lists that ask for two frames of each of the two clips of rig S001C001."""
    for path in (real_files / "ntu").iterdir():
        folder = "nturgb+d_rgb" if path.suffix == ".avi" else "nturgb+d_skeletons"
        shutil.copyfile(path, raw_tree.root / folder / path.name)
    raw_tree.write_lists(
        ["S001C001P001R001A001F030", "S001C001P001R001A001F060"],
        ["S001C001P001R001A011F010", "S001C001P001R001A011F040"],
    )
    return raw_tree


def prepare(tree: RawTree, out: Path, **options: object) -> NtuStore:
    store = prepare_ntu([tree.root], out, check_options(**options), lists=tree.root / "lists").store
    assert verify_store(store.path).passed
    return store


@pytest.mark.real
def test_without_depth_the_clips_are_reported(real_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(real_tree, tmp_path / "store")
    assert sum(entry.rows for entry in store.manifest.shards.values()) == 0
    assert {problem.kind for problem in store.problems() if problem.id.startswith("S001C001P001R001A001")} == {
        "depth_missing"
    }


@pytest.mark.real
def test_rgb_only_keeps_the_clip_with_a_video(real_tree: RawTree, tmp_path: Path) -> None:
    store = prepare(real_tree, tmp_path / "store", rgb_only=True)
    assert [row["sample_id"] for row in store.rows("train", ["sample_id"])] == [
        "S001C001P001R001A001F030",
        "S001C001P001R001A001F060",
    ]
    row = store.find("S001C001P001R001A001F060")
    assert 0 < row["alignment"]["residual_px"] <= 0.3  # the rig calibrates from the skeleton of its other clip
    found = decode_row(row)
    assert found.depth is None
    assert found.rgb.std() > 20
    # The color camera sees 54 of the depth camera's 60 degrees of height, and all of its width.
    assert (found.rgb.max(axis=2) > 0).mean() > 0.85
    kinds = {(problem.id[-4:], problem.kind, problem.kept) for problem in store.problems()}
    assert kinds == {
        ("F030", "skeleton_missing", True),
        ("F060", "skeleton_missing", True),
        ("F010", "video_missing", False),
        ("F040", "video_missing", False),
    }
