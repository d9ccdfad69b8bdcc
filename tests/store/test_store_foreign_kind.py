"""A kind of store from outside: written, continued, verified, viewed and trained on by code that does not know it."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from street_store import SCHEMA, DrawnKind, StreetKind, prepare_streets, street_id, street_plan
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.data.parsing import ParsingDataset
from hcmoco_bench.data.parsing_index import read_parsing_index
from hcmoco_bench.errors import StoreError, StoreLockedError, UsageError
from hcmoco_bench.files.hashing import file_sha256, fingerprint
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.hub.publish import publish
from hcmoco_bench.prepare.executors import LocalExecutor
from hcmoco_bench.store.manifest import DeclaredSplit, SplitCount
from hcmoco_bench.store.plan import ShardReport
from hcmoco_bench.store.prepare import prepare_store
from hcmoco_bench.store.registry import STORE_KINDS, open_store, register_store, store_kind, store_kinds
from hcmoco_bench.store.verify import verify_store


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    register_store(StreetKind())
    register_store(DrawnKind)
    yield
    STORE_KINDS.unregister("test-streets")
    STORE_KINDS.unregister("test-drawn-streets")


@pytest.fixture
def streets(tmp_path: Path) -> Path:
    return prepare_streets(tmp_path / "streets", missing=(4,)).store.path


def contents(folder: Path) -> dict[str, str]:
    return {path.name: file_sha256(path) for path in sorted(folder.iterdir())}


def rewrite(store: Path, shard: str, rows: list[dict[str, object]]) -> None:
    """Write a shard anew and sign the manifest, so that its hash gives nothing away."""
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), store / shard)
    manifest = json.loads((store / "manifest.json").read_text())
    manifest["shards"][shard] |= {"sha256": file_sha256(store / shard), "bytes": (store / shard).stat().st_size}
    (store / "manifest.json").write_text(json.dumps(manifest))


def test_kinds_by_name() -> None:
    assert {"ntu", "human36m", "keypoint-images", "test-streets"} <= set(store_kinds())
    assert isinstance(store_kind("test-streets"), StreetKind)
    assert isinstance(store_kind("test-drawn-streets"), DrawnKind)
    for name in store_kinds():
        assert store_kind(name).name == name
        assert pickle.loads(pickle.dumps(store_kind(name))).name == name
    with pytest.raises(UsageError, match="did you mean human36m"):
        store_kind("human36")
    with pytest.raises(UsageError, match="registered already"):
        register_store(StreetKind())


def test_what_is_written(streets: Path) -> None:
    store = open_store(streets)
    assert isinstance(store.kind, StreetKind)
    assert sorted(path.name for path in streets.iterdir()) == [
        "manifest.json",
        "problems.jsonl",
        "splits.json",
        "test-00000-of-00001.parquet",
        *(f"train-{number:05d}-of-00003.parquet" for number in range(3)),
    ]
    assert (store.manifest.side, store.manifest.rows, store.manifest.problems) == (32, 8, {"street_closed": 1})
    train = [street_id(number) for number in range(7)]
    assert store.manifest.splits["train"] == SplitCount(expected=7, rows=6, sha256=fingerprint(train))
    assert store.manifest.splits["train_half"].rows == 3
    assert store.stored_splits == ("train", "test")
    assert [row["sample_id"] for row in store.rows("train_half")] == [train[0], train[2], train[6]]
    assert store.spread(2) == [train[2], street_id(7)]
    assert DeclaredSplit(expected=0, rows=0, sha256=fingerprint([])).rows == 0
    with pytest.raises(StoreError, match="view view-004 is not in the store: the street is closed"):
        store.find(train[4])
    with pytest.raises(StoreError, match="view nowhere is not in the store: it was not asked for"):
        store.find("nowhere")
    with pytest.raises(StoreError, match="no split 'validation'; it has"):
        next(store.tables("validation"))


def test_workers_and_stops_give_the_same_bytes(streets: Path, tmp_path: Path) -> None:
    reference = contents(streets)
    plan = street_plan(missing=(4,))
    prepare_store(StreetKind(), plan, tmp_path / "two", executor=LocalExecutor(2))
    assert contents(tmp_path / "two") == reference
    (streets / "manifest.json").unlink()
    (streets / ".plan.json").write_text(json.dumps({"plan_sha256": plan.sha256}))
    (streets / "train-00001-of-00003.parquet").write_bytes(b"PAR1")
    (streets / ".train.tmp").write_bytes(b"half")
    again = prepare_streets(streets, missing=(4,))
    assert (again.kept, again.nothing_to_do) == (6, False)
    assert contents(streets) == reference
    assert prepare_streets(streets, missing=(4,)).nothing_to_do
    with pytest.raises(StoreError, match="other inputs"):
        prepare_streets(streets)
    assert prepare_streets(streets, overwrite=True).store.manifest.rows == 9


def test_a_plan_is_not_made_while_another_process_writes(tmp_path: Path) -> None:
    made = []
    with folder_lock(tmp_path), pytest.raises(StoreLockedError):
        prepare_store(StreetKind(), lambda: made.append(1) or street_plan(), tmp_path)
    assert not made


def test_verification_finds_what_the_kind_knows_and_what_all_share(streets: Path) -> None:
    assert verify_store(streets).passed
    assert verify_store(streets, workers=2) == verify_store(streets)
    shard = "train-00000-of-00003.parquet"
    good = pq.read_table(streets / shard).to_pylist()
    wrong_size = next(iter(street_plan(side=16).shards[0].rows.rows(ShardReport())))
    rewrite(streets, shard, [wrong_size, *good[1:]])
    (failure,) = verify_store(streets).failures
    assert (failure.file, failure.sample_id, failure.reason) == (shard, street_id(0), "is 16 px high, not 32")
    for rows, words in (
        ([good[1], good[0], good[2]], "its rows are not in the order of the split"),
        ([good[0], good[1], good[1]], "is in the store 2 times"),
        ([good[0], good[1], good[2] | {"sample_id": street_id(4)}], "has a line that says it is not"),
        ([good[0], good[1], good[2] | {"sample_id": "strange"}], "is not in split train"),
        (good[:2], "split train: 5 of 7 views are there, the manifest says 6 of 7"),
    ):
        rewrite(streets, shard, rows)
        reasons = [failure.reason for failure in verify_store(streets).failures]
        assert any(words in reason for reason in reasons), reasons


def test_a_kind_that_is_not_installed(streets: Path) -> None:
    STORE_KINDS.unregister("test-streets")
    try:
        with pytest.raises(StoreError, match=r"kind 'test-streets', which is not installed .*install the package"):
            open_store(streets)
    finally:
        register_store(StreetKind())


def test_the_commands(streets: Path, tmp_path: Path) -> None:
    runner, sheet, bars = CliRunner(), tmp_path / "sheet.png", tmp_path / "bars.png"
    verified = runner.invoke(app, ["verify", str(streets), "--workers", "1", "--json"])
    assert json.loads(verified.stdout) == {"shards": 4, "rows": 8, "failures": [], "passed": True}
    arguments = ["view", str(streets), "-n", "2", "-q", "--out", str(sheet), "--frequencies", str(bars)]
    shown = runner.invoke(app, arguments)
    assert shown.exit_code == 0, shown.output
    assert sheet.stat().st_size > 1000
    assert bars.stat().st_size > 1000
    features = runner.invoke(app, ["view", str(streets), "--features", "x.pth"])
    assert isinstance(features.exception, UsageError)
    with pytest.raises(StoreError, match=r"\(Streets\) cannot be published"):
        publish([streets], tmp_path / "published")


def test_a_sheet_of_its_own(streets: Path) -> None:
    from hcmoco_bench.plotting.store_sheet import store_sheet

    store = DrawnKind().open(streets)
    assert store_sheet(store, store.spread(3)).get_size_inches().tolist() == [3, 7]
    assert store_sheet(open_store(streets), store.spread(3)).get_size_inches().tolist() != [3, 7]


def test_training_reads_what_the_store_says_it_holds(streets: Path) -> None:
    store = open_store(streets, "parts")
    index = read_parsing_index(store, "train_half", "rgb")
    assert index.ids.tolist() == [street_id(number) for number in (0, 2, 6)]
    assert index.groups.tolist() == ["street 0"] * 3
    dataset = ParsingDataset(streets, index, store.shards(), modality="rgb", size=32, framing="fit", train=False)
    sample = dataset[2]
    assert np.unique(sample.label.numpy()).tolist() == [6]
    assert np.abs(sample.rgb.numpy().astype(int) - 6).max() <= 1
    with pytest.raises(StoreError, match=r"\(Streets\) has no tracked skeletons"):
        open_store(streets, "parts", "bodies")
