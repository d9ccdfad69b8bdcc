"""`verify` finds every kind of damage, all of it at once, and nothing in a good store."""

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
import typer
from prepare_raw_tree import TEST, TRAIN, RawTree
from typer.testing import CliRunner

from hcmoco_bench.cli import verify as verify_command
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.hashing import file_sha256
from hcmoco_bench.prepare.ntu import prepare_ntu
from hcmoco_bench.prepare.options import check_options
from hcmoco_bench.store.kinds.ntu import NtuManifest
from hcmoco_bench.store.verify import verify_store

SHARD = "train-00000-of-00002.parquet"


@pytest.fixture
def store(small_tree: RawTree, tmp_path: Path) -> Path:
    small_tree.mask(TEST[3]).unlink()
    return prepare_ntu(
        [small_tree.root],
        tmp_path / "store",
        check_options(parts=True, rows_per_shard=2),
        annotations=small_tree.masks,
        lists=small_tree.root / "lists",
    ).store.path


def reasons(store: Path) -> list[str]:
    return [f"{failure.file} {failure.sample_id} {failure.reason}" for failure in verify_store(store).failures]


def sign(store: Path, **changes: Any) -> None:
    """Change the manifest and bring its hashes up to date, as somebody would who repairs a store by hand."""
    manifest = json.loads((store / "manifest.json").read_text())
    for name in ("calibration.json", "splits.json", "problems.jsonl"):
        manifest[f"{name.split('.')[0]}_sha256"] = file_sha256(store / name)
    for name, entry in manifest["shards"].items():
        if (store / name).exists():
            entry |= {"sha256": file_sha256(store / name), "bytes": (store / name).stat().st_size}
    (store / "manifest.json").write_text(NtuManifest.model_validate(manifest | changes).to_json())


def rewrite(store: Path, change: Callable[[list[dict[str, Any]]], object]) -> None:
    """Rewrite a shard with other rows, and sign it."""
    table = pq.read_table(store / SHARD)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), store / SHARD)
    sign(store)


def png(array: np.ndarray) -> bytes:
    return cv2.imencode(".png", array)[1].tobytes()


def test_a_good_store_passes(store: Path) -> None:
    result = verify_store(store)
    assert result.passed
    assert (result.shards, result.rows) == (4, 7)
    assert verify_store(store, workers=2) == result


DAMAGES: dict[str, tuple[Callable[[list[dict[str, Any]]], object], str]] = {
    "number": (lambda rows: rows[0].update(frame=99), "column frame is 99, the id says 3"),
    "id": (lambda rows: rows[0].update(sample_id="S1"), "'S1' is not a sample id"),
    "order": (lambda rows: rows.reverse(), "not in the order of the split"),
    "twice": (lambda rows: rows[1].update(rows[0]), "is in the store 2 times"),
    "strange": (
        lambda rows: rows[0].update(sample_id=f"{TRAIN[0][:20]}F011", frame=11),
        "F011 is not in split train",
    ),
    "no rgb": (lambda rows: rows[0].update(rgb=None), "rgb is missing"),
    "rgb": (lambda rows: rows[0]["rgb"].update(bytes=b"x"), "rgb: not a readable image"),
    "rgb size": (
        lambda rows: rows[0]["rgb"].update(bytes=png(np.zeros((9, 9, 3), np.uint8))),
        "rgb is uint8 (9, 9, 3)",
    ),
    "name": (lambda rows: rows[0]["depth"].update(path="x.png"), "depth is called x.png"),
    "8 bit": (
        lambda rows: rows[0]["depth"].update(bytes=png(np.ones((424, 512), np.uint8))),
        "depth is uint8 (424, 512), not uint16",
    ),
    "empty": (
        lambda rows: rows[0]["depth"].update(bytes=png(np.zeros((424, 512), np.uint16))),
        "not one measured pixel",
    ),
    "class": (
        lambda rows: rows[0]["parts"].update(bytes=png(np.full((424, 512), 25, np.uint8))),
        "parts holds class 25, there are 0..24",
    ),
    "joints": (lambda rows: rows[0]["bodies"][0]["joints_depth"].pop(), "body 0: joints_depth is not (25, 2)"),
    "state": (
        lambda rows: rows[0]["bodies"][0].update(tracking=[7] * 25),
        "body 0: tracking is not 25 states 0..2",
    ),
    "mode": (lambda rows: rows[0]["alignment"].update(mode="by eye"), "alignment mode is 'by eye'"),
    "residual": (lambda rows: rows[0]["alignment"].update(residual_px=None), "alignment residual is None"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_row_is_named(store: Path, name: str) -> None:
    damage, words = DAMAGES[name]
    rewrite(store, damage)
    assert any(words in reason and SHARD in reason for reason in reasons(store)) or any(
        words in reason for reason in reasons(store) if name == "twice"
    )


def test_a_row_that_is_gone(store: Path) -> None:
    rewrite(store, lambda rows: rows.pop())
    found = reasons(store)
    assert any("has 1 rows, the manifest says 2" in reason for reason in found)
    assert any(f"{TRAIN[1]} is neither in the store" in reason for reason in found)
    assert any("split train: 3 of 4 samples are there, the manifest says 4 of 4" in reason for reason in found)


def test_files_that_are_changed_missing_or_too_many(store: Path) -> None:
    data = bytearray((store / SHARD).read_bytes())
    data[len(data) // 2] ^= 1
    (store / SHARD).write_bytes(data)
    (store / "test-00001-of-00002.parquet").unlink()
    (store / "train-00009-of-00010.parquet").write_bytes(b"")
    (store / "calibration.json").write_text("{}")
    (store / "problems.jsonl").unlink()
    found = reasons(store)
    for words in (
        f"{SHARD}  is not the file in the manifest",
        "test-00001-of-00002.parquet  cannot be read",
        "train-00009-of-00010.parquet  is not in the manifest",
        "calibration.json  is not the file in the manifest",
        "problems.jsonl  cannot be read",
    ):
        assert any(words in reason for reason in found), words


def test_a_shard_of_other_columns(store: Path) -> None:
    pq.write_table(pq.read_table(store / SHARD).drop_columns("parts"), store / SHARD)
    sign(store)
    assert any("has columns" in reason for reason in reasons(store))


def test_counts_fingerprints_and_problem_lines(store: Path) -> None:
    splits = json.loads((store / "splits.json").read_text())
    splits["splits"]["train"]["ids"].reverse()
    (store / "splits.json").write_text(json.dumps(splits))
    text = (store / "problems.jsonl").read_text()
    (store / "problems.jsonl").write_text(text.replace(TEST[3], TEST[0]))
    sign(store, problems={"mask_missing": 7})
    found = reasons(store)
    for words in (
        "split train: the fingerprint",
        "has {'mask_missing': 1}, the manifest says {'mask_missing': 7}",
        f"{TEST[3]} is neither in the store",
        f"{TEST[0]} is in the store, and has a line that says it is not",
    ):
        assert any(words in reason for reason in found), words


def test_own_lists_cannot_pass_for_the_official_ones(store: Path) -> None:
    manifest = json.loads((store / "manifest.json").read_text())
    sign(store, lists=manifest["lists"] | {"declaration": "official"})
    assert any("split train: the fingerprint" in reason for reason in reasons(store))


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no finished store"):
        verify_store(tmp_path)
    with pytest.raises(StoreError, match="no such folder"):
        verify_store(tmp_path / "nowhere")
    (tmp_path / "manifest.json").write_text('{"schema": 2}')
    with pytest.raises(StoreError, match="not a manifest of version 1"):
        verify_store(tmp_path)


def test_the_command(store: Path) -> None:
    app = typer.Typer()
    verify_command.register(app)
    app.command("other")(lambda: None)  # with one command Typer drops its name
    good = CliRunner().invoke(app, ["verify", str(store)])
    assert (good.exit_code, "7 rows in 4 shards" in good.stdout) == (0, True)
    quiet = CliRunner().invoke(app, ["verify", str(store), "--quiet"])
    assert (quiet.exit_code, quiet.output) == (0, "")
    (store / SHARD).unlink()
    bad = CliRunner().invoke(app, ["verify", str(store)])
    assert bad.exit_code == 1
    assert SHARD in bad.stdout
    quiet = CliRunner().invoke(app, ["verify", str(store), "--quiet"])
    assert (quiet.exit_code, quiet.stdout) == (1, "")
    assert SHARD in quiet.stderr
    as_json = CliRunner().invoke(app, ["verify", str(store), "--json"])
    assert as_json.exit_code == 1
    document = json.loads(as_json.stdout)
    assert document["passed"] is False
    assert {failure["file"] for failure in document["failures"]} >= {SHARD}
