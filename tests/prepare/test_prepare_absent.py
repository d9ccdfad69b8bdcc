"""A package that is absent as a whole is one line, beside those of the samples."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from prepare_raw_tree import CLIPS, TEST, TRAIN, RawTree

from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.kinds.ntu import NtuStore

ALL = len((*TRAIN, *TEST))
FOLDERS = {"video": "nturgb+d_rgb", "depth": "nturgb+d_depth_masked", "mask": "png_annotation_v2"}


def prepare(tree: RawTree, out: Path) -> NtuStore:
    options = check_options(parts=True)
    return prepare_ntu([tree.root], out, options, annotations=tree.masks, lists=tree.root / "lists").store


def lines(store: NtuStore, recording: str) -> list[str]:
    (line,) = (one for one in store.problems() if one.kind.endswith("_absent"))
    assert (line.id, line.kind, line.kept) == ("", f"{recording}_absent", True)
    return [one.kind for one in store.problems() if one != line]


@pytest.mark.parametrize("recording", FOLDERS)
def test_one_line_for_a_package(small_tree: RawTree, tmp_path: Path, recording: str) -> None:
    folder = small_tree.root / FOLDERS[recording]
    shutil.rmtree(folder)
    folder.mkdir()
    if recording == "mask":
        (folder / "S017C003P020R002A001F001.png").touch()  # of a sample that nobody asks for
    store = prepare(small_tree, tmp_path / "store")
    assert lines(store, recording) == [f"{recording}_missing"] * ALL
    assert store.manifest.rows == 0


def test_what_folders_hold_instead_is_named(small_tree: RawTree, tmp_path: Path) -> None:
    for path in sorted((small_tree.root / FOLDERS["depth"]).rglob("*.png")):
        path.rename(path.with_suffix(".npy"))
    store = prepare(small_tree, tmp_path / "store")
    assert lines(store, "depth") == ["depth_other_form", *["depth_missing"] * ALL]
    (line,) = (one for one in store.problems() if one.kind == "depth_other_form")
    assert line.file.endswith("MDepth-00000001.npy")
    assert "the first of 48 depth frames in another form" in line.reason


def test_one_sample_is_enough_for_none(small_tree: RawTree, tmp_path: Path) -> None:
    for clip in CLIPS[1:]:
        small_tree.rgb(clip).unlink()
    store = prepare(small_tree, tmp_path / "store")
    assert not any(one.kind.endswith("_absent") for one in store.problems())
    assert store.manifest.rows == 2
