"""`verify` finds damage in stores of photographs and nothing in a good one; `view` draws their people."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import StoreError, UsageError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.store.kinds.keypoints import KEYPOINTS, KeypointManifest
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.verify import verify_store

SHARD = "train-00000-of-00003.parquet"


@pytest.fixture
def store(photograph_root: Path, tmp_path: Path) -> Path:
    """Images 0 to 3 in two shards; the last one is left out, which a problem line says."""
    (photograph_root / "images" / "4.jpg").write_bytes(b"")
    return prepare_keypoints("mpii", photograph_root, tmp_path / "store", rows_per_shard=2).store.path


def reasons(store: Path) -> list[str]:
    return [f"{failure.file} {failure.sample_id} {failure.reason}" for failure in verify_store(store).failures]


def sign(store: Path, **changes: Any) -> None:
    """Change the manifest and bring its hashes up to date, as somebody would who repairs a store by hand."""
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["problems_sha256"] = file_sha256(store / "problems.jsonl")
    for name, entry in manifest["shards"].items():
        entry |= {"sha256": file_sha256(store / name), "bytes": (store / name).stat().st_size}
    (store / "manifest.json").write_text(KeypointManifest.model_validate(manifest | changes).to_json())


def rewrite(store: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    table = pq.read_table(store / SHARD)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), store / SHARD)
    sign(store)


def first(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The first person of a shard."""
    person: dict[str, Any] = rows[0]["people"][0]
    return person


def test_a_good_store_passes(store: Path) -> None:
    result = verify_store(store)
    assert result.failures == ()
    assert (result.shards, result.rows) == (3, 4)
    assert verify_store(store, workers=2) == result


def test_joints_a_little_outside_of_the_image_are_annotators_doing(store: Path) -> None:
    rewrite(store, lambda rows: first(rows)["joints"].__setitem__(3, [-7.0, 65.0]))
    assert verify_store(store).passed


def rename(row: dict[str, Any], image_id: str) -> None:
    row.update(image_id=image_id)
    row["image"].update(path=f"{image_id}.jpg")


IGNORED = {
    "person_id": "x",
    "joints": [[0.0, 0.0]] * 16,
    "state": [0] * 16,
    "box": None,
    "area": None,
    "iscrowd": False,
}
JPEG = cv2.imencode(".jpg", np.zeros((9, 7, 3), np.uint8))[1].tobytes()
DAMAGES: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "no image": (lambda rows: rows[0].update(image=None), "0 the image is missing"),
    "text": (lambda rows: rows[0]["image"].update(bytes=b"404"), "0 the image is not a whole one"),
    "cut off": (
        lambda rows: rows[0]["image"].update(bytes=rows[0]["image"]["bytes"][:-200]),
        "0 the image is not a whole one",
    ),
    "other image": (lambda rows: rows[0]["image"].update(bytes=JPEG), "has 7x9 px, stated are 80x60"),
    "name": (lambda rows: rows[0]["image"].update(path="x.jpg"), "0 the image is called x.jpg"),
    "order": (lambda rows: rows.reverse(), "its rows are not in the order of the split"),
    "image twice": (lambda rows: rows[1].update(rows[0]), "0 is in split train 2 times"),
    "person twice": (lambda rows: rows[1]["people"][1].update(person_id="1_00"), "1_00 is in split train 2 times"),
    "nobody": (
        lambda rows: rows[0].update(people=[]),
        "split train: 3 images and 4 people are there, the manifest says 4 and 5",
    ),
    "crowd": (lambda rows: first(rows).update(iscrowd=True), "person 0_00: is a crowd"),
    "area": (lambda rows: first(rows).update(area=-1.0), "person 0_00: its area is -1.0"),
    "ignored joints": (
        lambda rows: rows[0].update(ignored=[IGNORED | {"state": [2] * 16}]),
        "ignored person x: has annotated joints and is no crowd",
    ),
    "ignored box": (
        lambda rows: rows[0].update(ignored=[IGNORED | {"box": [1.0, 2.0, 3.0]}]),
        "ignored person x: its box is [1.0, 2.0, 3.0]",
    ),
    "joints": (lambda rows: first(rows)["joints"].pop(), "person 0_00: joints are not (16, 2)"),
    "three numbers": (lambda rows: first(rows)["joints"][0].append(1.0), "person 0_00: joints are not (16, 2)"),
    "state": (lambda rows: first(rows).update(state=[3] * 16), "person 0_00: state is not 16 states 0..2"),
    "not annotated": (lambda rows: first(rows).update(state=[0] * 16), "person 0_00: has no annotated joint"),
    "far away": (lambda rows: first(rows)["joints"].__setitem__(0, [900.0, 5.0]), "person 0_00: has a joint that is"),
    "not finite": (lambda rows: first(rows)["joints"].__setitem__(0, [np.nan, 5.0]), "person 0_00: has a joint that"),
    "square": (lambda rows: first(rows).update(center=[1.0]), "person 0_00: its square is around [1.0]"),
    "scale": (lambda rows: first(rows).update(scale=0.0), "person 0_00: its scale is 0.0"),
    "gone": (lambda rows: rows.pop(), "has 1 rows, the manifest says 2"),
    "count": (lambda rows: rows.pop(), "split train: 3 images and 3 people are there, the manifest says 4 and 5"),
    "left out": (lambda rows: rename(rows[0], "4"), "4 is in the store, and has a line"),
    "unknown": (lambda rows: rename(rows[0], "7"), "7 is not in split train"),
    "missing": (lambda rows: rename(rows[0], "7"), "0 is neither in the store"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damage_is_named(store: Path, name: str) -> None:
    damage, words = DAMAGES[name]
    rewrite(store, damage)
    assert any(words in reason for reason in reasons(store)), reasons(store)


def test_files_that_are_changed_missing_or_too_many(store: Path) -> None:
    data = bytearray((store / SHARD).read_bytes())
    data[len(data) // 2] ^= 1
    (store / SHARD).write_bytes(data)
    (store / "train-00001-of-00003.parquet").unlink()
    (store / "train-00009-of-00010.parquet").write_bytes(b"")
    (store / "problems.jsonl").write_text("{}\n")
    found = reasons(store)
    for words in (
        f"{SHARD}  is not the file in the manifest",
        "train-00001-of-00003.parquet  cannot be read",
        "train-00009-of-00010.parquet  is not in the manifest",
        "problems.jsonl  is not the file in the manifest",
        "problems.jsonl  ",
    ):
        assert any(words in reason for reason in found), words


def test_other_columns_and_other_problem_counts(store: Path) -> None:
    pq.write_table(pq.read_table(store / SHARD).drop_columns("width"), store / SHARD)
    sign(store, problems={"image_missing": 3})
    found = reasons(store)
    assert any("has columns" in reason for reason in found)
    assert any("problems.jsonl  has {'image_unreadable': 1}" in reason for reason in found)


def test_the_commands(store: Path, tmp_path: Path) -> None:
    runner = CliRunner()
    assert open_store(store).capabilities.people
    done = runner.invoke(app, ["verify", str(store), "--workers", "1", "--json"])
    assert json.loads(done.stdout) == {"shards": 3, "rows": 4, "failures": [], "passed": True}
    sheet = tmp_path / "sheet.png"
    assert runner.invoke(app, ["view", str(store), "--out", str(sheet), "-q"]).exit_code == 0
    four = cv2.imread(str(sheet))
    assert runner.invoke(app, ["view", str(store), "1", "3.jpg", "--out", str(sheet)]).exit_code == 0
    two = cv2.imread(str(sheet))
    assert four.shape[0] == 2 * two.shape[0], "three images a line"
    unknown = runner.invoke(app, ["view", str(store), "4", "--out", str(tmp_path / "x.png")])
    assert isinstance(unknown.exception, StoreError)
    assert "4.jpg: not a whole image" in str(unknown.exception)
    features = runner.invoke(app, ["view", str(store), "--frequencies", str(tmp_path / "x.png")])
    assert isinstance(features.exception, UsageError)
    assert not (tmp_path / "x.png").exists()
    rewrite(store, lambda rows: rows.reverse())
    assert runner.invoke(app, ["verify", str(store), "--workers", "1"]).exit_code == 1


def test_a_spread_visits_all_splits(store: Path) -> None:
    opened = KEYPOINTS.open(store)
    assert opened.spread(99) == ["0", "1", "2", "3"]
    assert opened.spread(2) == ["1", "3"]
