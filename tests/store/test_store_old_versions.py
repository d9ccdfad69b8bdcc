"""Stores of photographs of versions 1 and 2 open and verify, and train on the same people as those of today."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from hcmoco_bench.body import joint_set
from hcmoco_bench.cli.app import app
from hcmoco_bench.data.keypoint_images import KeypointImagesDataset
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.prepare.keypoints import prepare_keypoints
from hcmoco_bench.store.arrays.photographs import decode_photograph
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.verify import verify_store

PERSON_1 = ("person_id", "joints", "state", "center", "scale")


def write_version_1(today: Path, old: Path) -> Path:
    """A store as version 1 wrote it: images with people alone, five columns a person, no `splits.json`."""
    store = open_store(today)
    points = pa.list_(pa.list_(pa.float32()))
    types = (pa.string(), points, pa.list_(pa.uint8()), pa.list_(pa.float32()), pa.float32())
    person = pa.struct(list(zip(PERSON_1, types, strict=True)))
    columns = ["image_id", "image", "width", "height"]
    schema = pa.schema(
        [*(store.kind.schema(store.manifest).field(name) for name in columns), ("people", pa.list_(person))]
    )
    old.mkdir()
    (old / "problems.jsonl").write_bytes((today / "problems.jsonl").read_bytes())
    manifest: dict[str, Any] = json.loads((today / "manifest.json").read_text())
    manifest |= {"schema": 1, "shards": {}, "problems_sha256": file_sha256(old / "problems.jsonl")}
    for name in ("generated", "joint_names", "splits_sha256"):
        del manifest[name]
    for split, counts in manifest["splits"].items():
        manifest["splits"][split] = {name: counts[name] for name in ("annotations_sha256", "images", "people")}
        rows = [row for row in store.rows(split) if row["people"]]
        for row in rows:
            row["people"] = [{name: one[name] for name in PERSON_1} for one in row["people"]]
        if rows:
            path = old / f"{split}-00000-of-00001.parquet"
            pq.write_table(pa.Table.from_pylist(rows, schema), path, compression="none", use_dictionary=False)
            entry = {"sha256": file_sha256(path), "rows": len(rows), "bytes": path.stat().st_size}
            manifest["shards"][path.name] = entry
    (old / "manifest.json").write_text(json.dumps(manifest))
    return old


@pytest.fixture
def stores(photograph_root: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A store of today with an image without people in the middle, and version 1 of it."""
    entries = json.loads((photograph_root / "annot" / "train.json").read_text())
    for entry in entries:
        if entry["image"] == "2.jpg":
            entry["joints_vis"] = [0] * 16
    (photograph_root / "annot" / "train.json").write_text(json.dumps(entries))
    today = prepare_keypoints("mpii", photograph_root, tmp_path / "today", rows_per_shard=2).store.path
    return today, write_version_1(today, tmp_path / "old")


IGNORED_2 = ("person_id", "joints", "state", "box", "area", "iscrowd")
PERSON_2 = (*PERSON_1, "area", "iscrowd")


def test_version_2_opens_and_what_it_lacks_is_null(photograph_root: Path, tmp_path: Path) -> None:
    """Version 2 has no boxes of people and heads, and no numbers of images."""
    today = open_store(prepare_keypoints("mpii", photograph_root, tmp_path / "today", rows_per_shard=2).store.path)
    old = tmp_path / "old"
    old.mkdir()
    for name in ("problems.jsonl", "splits.json"):
        (old / name).write_bytes((today.path / name).read_bytes())
    manifest: dict[str, Any] = json.loads((today.path / "manifest.json").read_text()) | {"schema": 2}
    schema = today.kind.schema(today.manifest)
    lists = {"people": PERSON_2, "ignored": IGNORED_2}

    def earlier(one: pa.Field) -> pa.Field:
        if one.name not in lists:
            return one
        return pa.field(one.name, pa.list_(pa.struct([one.type.value_type.field(name) for name in lists[one.name]])))

    before = pa.schema([earlier(one) for one in schema if one.name != "number"])
    for shard in today.shards():
        rows = pq.read_table(shard).to_pylist()
        for row in rows:
            for column, names in lists.items():
                row[column] = [{name: one[name] for name in names} for one in row[column]]
        pq.write_table(pa.Table.from_pylist(rows, before), old / shard.name, compression="none", use_dictionary=False)
        entry = {"sha256": file_sha256(old / shard.name), "rows": len(rows), "bytes": (old / shard.name).stat().st_size}
        manifest["shards"][shard.name] = entry
    (old / "manifest.json").write_text(json.dumps(manifest))
    store = open_store(old)
    assert store.manifest.schema_version == 2
    assert verify_store(old).failures == ()
    row, now = store.find("1"), today.find("1")
    assert row["number"] is None
    for one, other in zip(row["people"], now["people"], strict=True):
        assert one == other | dict.fromkeys(("box", "head_box", "place"))
        assert other["place"] is not None


def test_an_old_store_opens_and_verifies(stores: tuple[Path, Path], tmp_path: Path) -> None:
    today, old = map(open_store, stores)
    assert (old.manifest.schema_version, today.manifest.schema_version) == (1, 3)
    assert verify_store(old.path).failures == ()
    assert verify_store(today.path).failures == ()
    assert (old.manifest.splits["train"].images, old.manifest.splits["train"].rows) == (4, 4)
    assert (today.manifest.splits["train"].images, today.manifest.splits["train"].rows) == (4, 5)
    assert today.manifest.joint_names == joint_set("mpii16").joints
    assert (old.manifest.joint_names, old.capabilities.generated) == (None, None)
    assert old.splits["train"].ids == ("0", "1", "3", "4")
    row = old.find("1")
    assert row["ignored"] is None
    assert [(person["area"], person["iscrowd"]) for person in row["people"]] == [(None, None)] * 2
    assert np.isnan(decode_photograph(row).areas).all()
    assert [name for table in old.tables("train", ["image_id"]) for name in table.column_names] == ["image_id"]
    shown = CliRunner().invoke(app, ["view", str(old.path), "-q", "--out", str(tmp_path / "sheet.png")])
    assert shown.exit_code == 0, shown.output


def test_damage_in_an_old_store_is_named(stores: tuple[Path, Path]) -> None:
    _, old = stores
    shard = old / "train-00000-of-00001.parquet"
    table = pq.read_table(shard)
    rows = table.to_pylist()
    rows[0]["people"] = []
    rows.reverse()
    pq.write_table(pa.Table.from_pylist(rows, table.schema), shard)
    reasons = [failure.reason for failure in verify_store(old).failures]
    for words in ("has nobody", "3 images and 4 people are there, the manifest says 4 and 5", "order of the images'"):
        assert any(words in reason for reason in reasons), reasons


def test_old_columns_keep_their_values_and_order(stores: tuple[Path, Path]) -> None:
    today, old = map(open_store, stores)
    kept = [row for row in today.rows("train") if row["people"]]
    assert [row["image_id"] for row in today.rows("train") if not row["people"]] == ["2"]
    for row, before in zip(kept, old.rows("train"), strict=True):
        assert {name: row[name] for name in ("image_id", "image", "width", "height")} == {
            name: before[name] for name in ("image_id", "image", "width", "height")
        }
        for person, one in zip(row["people"], before["people"], strict=True):
            assert {name: person[name] for name in PERSON_1} == {name: one[name] for name in PERSON_1}


def test_training_sees_the_same_people(stores: tuple[Path, Path]) -> None:
    now, before = (KeypointImagesDataset(path, size=32) for path in stores)
    assert now.ids.tolist() == before.ids.tolist() == ["0_00", "1_00", "1_01", "3_00", "4_00"]
    for row in range(len(now)):
        for epoch in range(2):
            a, b = now[row, epoch], before[row, epoch]
            assert a.sample_id == b.sample_id
            assert (a.rgb == b.rgb).all()
            assert (a.joints == b.joints).all()
            assert (a.visible == b.visible).all()


def test_a_split_of_images_without_people_has_nobody_to_learn_from(photograph_root: Path, tmp_path: Path) -> None:
    entries = json.loads((photograph_root / "annot" / "train.json").read_text())
    (photograph_root / "annot" / "valid.json").write_text(json.dumps([entries[0] | {"joints_vis": [0] * 16}]))
    store = prepare_keypoints("mpii", photograph_root, tmp_path / "store").store
    counts = store.manifest.splits["validation"]
    assert (counts.rows, counts.images, counts.people) == (1, 0, 0)
    assert verify_store(store.path).passed
    with pytest.raises(StoreError, match="split validation: has nobody"):
        KeypointImagesDataset(store.path, "validation")
