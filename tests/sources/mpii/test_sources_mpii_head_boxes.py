"""Boxes of heads in MPII's `gt_valid.mat`: what is kept in a store, and files that are wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from hcmoco_bench.errors import DataError
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.sources.mpii.annotations import read_annotations
from hcmoco_bench.sources.mpii.head_boxes import HEADS, JOINTS, MISSING, ORDER, SHORT_NAMES, read_head_boxes
from hcmoco_bench.store.verify import verify_store


@pytest.fixture
def root(generated_mpii: Path, tmp_path: Path) -> Path:
    """Generated MPII, to be changed."""
    return shutil.copytree(generated_mpii, tmp_path / "mpii")


def change(root: Path, **arrays: Any) -> Path:
    """The file with other arrays; None takes one away."""
    path = root / "annot" / "gt_valid.mat"
    content = {name: value for name, value in loadmat(path).items() if not name.startswith("__")} | arrays
    savemat(path, {name: value for name, value in content.items() if value is not None})
    return path


def test_the_generated_file_has_the_published_arrays(root: Path) -> None:
    content = loadmat(root / "annot" / "gt_valid.mat")
    people = json.loads((root / "annot" / "valid.json").read_text())
    assert content[HEADS].shape == (2, 2, len(people))
    assert content[JOINTS].shape == (16, 2, len(people))
    assert content[MISSING].shape == (16, len(people))
    assert tuple(str(one[0]) for one in content[ORDER][0]) == SHORT_NAMES
    np.testing.assert_array_equal(content[JOINTS][..., 0], people[0]["joints"])
    assert set(people[0]) == {"image", "joints", "joints_vis", "center", "scale"}
    sizes = content[HEADS][1] - content[HEADS][0]
    assert (sizes > 0).all()
    again = (root / "annot" / "gt_valid.mat").read_bytes()
    assert b"Created on" not in again[:128]


def test_a_store_keeps_them_counted_from_0(root: Path, tmp_path: Path) -> None:
    store = prepare_keypoints("mpii", root, tmp_path / "store").store
    assert verify_store(store.path).passed
    heads = loadmat(root / "annot" / "gt_valid.mat")[HEADS]
    people = [person for row in store.rows("validation") for person in row["people"]]
    for person in people:
        expected = heads[:, :, person["place"]].reshape(-1) - 1
        np.testing.assert_allclose(person["head_box"], expected)
    assert people
    assert {person["head_box"] for row in store.rows("train") for person in row["people"]} == {None}
    before = store.manifest.plan_sha256
    change(root, **{HEADS: heads + 1})
    assert prepare_keypoints("mpii", root, tmp_path / "other").store.manifest.plan_sha256 != before
    (root / "annot" / "gt_valid.mat").unlink()
    without = prepare_keypoints("mpii", root, tmp_path / "without").store
    assert {person["head_box"] for row in without.rows("validation") for person in row["people"]} == {None}


def test_the_name_of_mmpose_is_read_too(root: Path) -> None:
    (root / "annot" / "gt_valid.mat").rename(root / "annot" / "mpii_gt_val.mat")
    found = read_annotations(root / "annot" / "valid.json", root)
    assert all(person.head_box is not None for photograph in found.photographs for person in photograph.people)


@pytest.mark.parametrize(
    ("arrays", "why"),
    [
        ({HEADS: None}, "KeyError"),
        ({HEADS: np.zeros((2, 3, 1))}, "shapes"),
        ({MISSING: np.zeros((15, 9))}, "shapes"),
        ({HEADS: "text"}, "ValueError"),
        ({ORDER: np.array([["rank", "lank"]], object)}, "its joints are rank, lank"),
    ],
)
def test_other_arrays_are_refused(root: Path, arrays: dict[str, Any], why: str) -> None:
    path = change(root, **arrays)
    with pytest.raises(DataError, match=why) as caught:
        read_head_boxes(path)
    assert caught.value.kind == "head_boxes_unreadable"


@pytest.mark.parametrize("harm", ["empty", "cut", "text", "nan", "flat", "fewer"])
def test_damage_is_an_error_of_prepare(root: Path, tmp_path: Path, harm: str) -> None:
    path = root / "annot" / "gt_valid.mat"
    content = loadmat(path)
    if harm in ("empty", "cut", "text"):
        data = path.read_bytes()
        path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "text": b"no matlab at all" * 20}[harm])
    elif harm == "nan":
        change(root, **{HEADS: content[HEADS] * np.nan})
    elif harm == "flat":
        change(root, **{HEADS: np.zeros_like(content[HEADS])})
    else:
        change(root, **{name: np.concatenate([content[name]] * 2, axis=-1) for name in (HEADS, JOINTS, MISSING)})
    with pytest.raises(DataError, match=r"gt_valid\.mat") as caught:
        prepare_keypoints("mpii", root, tmp_path / "store")
    assert caught.value.kind == "head_boxes_unreadable"


def test_a_file_of_other_people_is_refused(root: Path) -> None:
    content = loadmat(root / "annot" / "gt_valid.mat")
    change(root, **{JOINTS: content[JOINTS] + 500})
    with pytest.raises(DataError, match="have their joints elsewhere than in valid"):
        read_annotations(root / "annot" / "valid.json", root)
