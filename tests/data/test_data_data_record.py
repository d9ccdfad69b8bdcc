"""A run's record of its data tells whether a store was prepared anew, and what changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hcmoco_bench.data.data_record import (
    DataRecord,
    SamplesRecord,
    data_changes,
    read_data_record,
    record_stores,
    store_changes,
)
from hcmoco_bench.errors import DataError

MANIFEST: dict[str, Any] = {
    "schema": 1,
    "tool": {"name": "hcmoco-bench", "version": "0.4.0"},
    "plan_sha256": "0" * 64,
    "options": {"align": "homography", "every": 2},
    "splits": {"train": {"expected": 9, "rows": 8, "sha256": "1" * 64}},
    "shards": {"train-00000-of-00001.parquet": {"sha256": "2" * 64, "rows": 8, "bytes": 100}},
    "problems": {"depth_missing": 1},
}


def store(folder: Path, **changes: Any) -> DataRecord:
    folder.mkdir(exist_ok=True)
    (folder / "manifest.json").write_text(json.dumps(MANIFEST | changes), "utf-8")
    return DataRecord(stores=record_stores([str(folder)]))


def shards(sha256: str) -> dict[str, Any]:
    return {"train-00000-of-00001.parquet": {"sha256": sha256, "rows": 8, "bytes": 100}}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ""),
        ({"tool": {"name": "hcmoco-bench", "version": "9"}, "plan_sha256": "9" * 64, "problems": {}}, ""),
        ({"options": {"align": "registered", "every": 2}}, "options.align was homography and is registered"),
        (
            {"splits": {"train": {"expected": 9, "rows": 5, "sha256": "3" * 64}}, "shards": shards("4" * 64)},
            "splits.train.rows was 8 and is 5",
        ),
        ({"calibrated": True}, "calibrated was absent and is True"),
        ({"shards": shards("4" * 64)}, "its settings and counts are the same, its rows or pixels are not"),
    ],
    ids=["same", "same rows of another version", "option", "rows", "new key", "pixels"],
)
def test_what_changed_in_a_store_is_said(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    before, now = store(tmp_path / "store"), store(tmp_path / "store", **changes)
    assert store_changes(before.stores[0], now.stores[0]) == said
    listed = (f"{tmp_path / 'store'} was prepared anew ({said})",) if said else ()
    assert data_changes(before, now) == listed


def test_a_copy_of_a_store_is_the_same_store(tmp_path: Path) -> None:
    assert data_changes(store(tmp_path / "here"), store(tmp_path / "there")) == ()


def test_many_differences_are_counted(tmp_path: Path) -> None:
    before = store(tmp_path / "store")
    now = store(tmp_path / "store", options={str(number): number for number in range(8)})
    assert store_changes(before.stores[0], now.stores[0]).endswith("; and 5 more differences")


@pytest.mark.parametrize(
    ("now", "said"),
    [
        (SamplesRecord(rows=3, ids_sha256="a"), ()),
        (SamplesRecord(rows=2, ids_sha256="b"), ("train had 3 samples and has 2",)),
        (SamplesRecord(rows=3, ids_sha256="b"), ("train has other samples or another order",)),
        (SamplesRecord(rows=3, ids_sha256="a", source_sha256="f"), ("the annotations of train are others",)),
    ],
)
def test_data_without_a_store_is_known_by_its_samples(now: SamplesRecord, said: tuple[str, ...]) -> None:
    before = DataRecord(samples={"train": SamplesRecord(rows=3, ids_sha256="a")})
    assert data_changes(before, DataRecord(samples={"train": now})) == said


def test_a_record_survives_a_checkpoint_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    record = store(tmp_path / "store")
    assert read_data_record(record.to_dict(), "a.pth") == record
    assert read_data_record(None, "a.pth") is None
    with pytest.raises(DataError, match=r"a\.pth: cannot tell what the run learned from"):
        read_data_record({"stores": 3}, "a.pth")


def test_a_folder_without_a_store_has_no_record(tmp_path: Path) -> None:
    assert record_stores([str(tmp_path), str(tmp_path / "missing")]) == ()
