"""Photographs to a store: bytes kept, damage named, and a run that stopped continues to the same bytes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, StoreError, StoreLockedError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.store.kinds.keypoints import KEYPOINTS


def contents(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in sorted(folder.iterdir())}


def test_the_store_holds_the_files_as_they_are(photograph_root: Path, tmp_path: Path) -> None:
    prepared = prepare_keypoints("mpii", photograph_root, tmp_path / "out", rows_per_shard=2)
    store = KEYPOINTS.open(tmp_path / "out")
    assert store.manifest == prepared.store.manifest
    assert sorted(contents(store.path)) == [
        "manifest.json",
        "problems.jsonl",
        "splits.json",
        *(f"train-{i:05d}-of-00003.parquet" for i in range(3)),
    ]
    assert store.manifest.kind == "keypoint-images"
    assert store.manifest.joints == "mpii16"
    assert store.manifest.splits["train"].images == 5
    assert store.manifest.splits["train"].people == 6
    for name, entry in store.manifest.shards.items():
        assert entry.sha256 == file_sha256(store.path / name)
    rows = [row for path in store.shards("train") for row in pq.read_table(path).to_pylist()]
    for number, row in enumerate(rows):
        assert row["image"]["bytes"] == (photograph_root / "images" / f"{number}.jpg").read_bytes()
        assert (row["width"], row["height"]) == (80, 60)
        assert [person["person_id"] for person in row["people"]] == [f"{number}_0{i}" for i in range(1 + (number == 1))]
    with pytest.raises(StoreError, match="no split 'test'"):
        store.shards("test")


def test_any_number_of_workers_and_stops_give_the_same_bytes(photograph_root: Path, tmp_path: Path) -> None:
    prepare_keypoints("mpii", photograph_root, tmp_path / "one", rows_per_shard=1)
    prepare_keypoints("mpii", photograph_root, tmp_path / "two", rows_per_shard=1, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    # As a run leaves it that was killed: some shards, a temporary file, no manifest.
    stopped = tmp_path / "two"
    plan = KEYPOINTS.open(stopped).manifest.plan_sha256
    (stopped / "manifest.json").unlink()
    (stopped / ".plan.json").write_text(json.dumps({"plan_sha256": plan}))
    (stopped / "train-00003-of-00005.parquet").unlink()
    (stopped / "train-00001-of-00005.parquet").write_bytes(b"PAR1")
    (stopped / ".train.tmp").write_bytes(b"half")
    assert prepare_keypoints("mpii", photograph_root, stopped, rows_per_shard=1).kept == 3
    assert contents(tmp_path / "one") == contents(stopped)
    again = prepare_keypoints("mpii", photograph_root, stopped, rows_per_shard=1)
    assert again.nothing_to_do
    (stopped / "train-00000-of-00005.parquet").unlink()
    assert not prepare_keypoints("mpii", photograph_root, stopped, rows_per_shard=1).nothing_to_do
    assert contents(tmp_path / "one") == contents(stopped)


def test_bad_images_are_named(photograph_root: Path, tmp_path: Path) -> None:
    (photograph_root / "images" / "0.jpg").unlink()
    whole = (photograph_root / "images" / "2.jpg").read_bytes()
    (photograph_root / "images" / "2.jpg").write_bytes(whole[: len(whole) // 2])
    (photograph_root / "images" / "3.jpg").write_bytes(b"")
    store = prepare_keypoints("mpii", photograph_root, tmp_path / "out").store
    assert store.manifest.problems == {"image_missing": 1, "image_unreadable": 2}
    assert {(problem.id, problem.kind) for problem in store.problems()} == {
        ("0.jpg", "image_missing"),
        ("2.jpg", "image_unreadable"),
        ("3.jpg", "image_unreadable"),
    }
    assert {problem.file for problem in store.problems()} == {"images/0.jpg", "images/2.jpg", "images/3.jpg"}
    assert store.manifest.splits["train"].images == 2


def test_a_image_of_another_size_is_not_the_annotated_one(tmp_path: Path) -> None:
    root = tmp_path / "coco"
    root.mkdir()
    cv2.imwrite(str(root / "1.jpg"), np.zeros((60, 80, 3), np.uint8))
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "keypoints": [5, 5, 2] * 17}
    for width, problems in ((81, {"image_wrong_size": 1}), (80, {})):
        image = {"id": 1, "file_name": "1.jpg", "width": width, "height": 60}
        (root / "a.json").write_text(json.dumps({"images": [image], "annotations": [annotation]}))
        assert prepare_keypoints("coco", root, tmp_path / str(width)).store.manifest.problems == problems


def test_nobody(photograph_root: Path, tmp_path: Path) -> None:
    (photograph_root / "annot" / "train.json").write_text("[]")
    with pytest.raises(DataError) as error:
        prepare_keypoints("mpii", photograph_root, tmp_path / "out")
    assert error.value.kind == "no_people"
    assert not (tmp_path / "out").exists()


def test_other_contents_are_left_alone(photograph_root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(StoreError, match=r"thesis\.txt"):
        prepare_keypoints("mpii", photograph_root, out, overwrite=True)
    (out / "thesis.txt").unlink()
    prepare_keypoints("mpii", photograph_root, out)
    with pytest.raises(StoreError, match="other inputs"):
        prepare_keypoints("mpii", photograph_root, out, rows_per_shard=3)
    assert (
        prepare_keypoints("mpii", photograph_root, out, rows_per_shard=3, overwrite=True).store.manifest.rows_per_shard
        == 3
    )
    assert not (out / "train-00000-of-00001.parquet").exists()
    with folder_lock(out), pytest.raises(StoreLockedError):
        prepare_keypoints("mpii", photograph_root, out, rows_per_shard=3)


def test_stores_of_other_kinds(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="prepare mpii"):
        KEYPOINTS.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"schema": 1}')
    with pytest.raises(StoreError, match="not the manifest of a store of photographs"):
        KEYPOINTS.open(tmp_path)


def test_the_command(photograph_root: Path, tmp_path: Path) -> None:
    arguments = ["prepare", "mpii", "--root", str(photograph_root), "--out", str(tmp_path / "out"), "--workers", "1"]
    result = CliRunner().invoke(app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["splits"]["train"]["people"] == 6
    shown = CliRunner().invoke(app, arguments)
    assert "nothing to do" in shown.stdout
    (photograph_root / "images" / "0.jpg").unlink()
    strict = CliRunner().invoke(app, [*arguments, "--overwrite", "--strict"])
    assert strict.exit_code == 3
    assert "image_missing" in strict.stdout
    shutil.rmtree(photograph_root)
    assert CliRunner().invoke(app, arguments).exit_code == 1
