"""Human3.6M to a store: which frames, what becomes of bad input, and the same bytes however it was made."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from human36m_files import brightness, raw_labels, write_mat, write_recording
from typer.testing import CliRunner

from hcmoco_bench.body import part_table
from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.hashing import file_sha256, fingerprint
from hcmoco_bench.prepare.executors import LocalExecutor
from hcmoco_bench.prepare.human36m import prepare_human36m
from hcmoco_bench.store.arrays.frames import decode_frame
from hcmoco_bench.store.kinds.human36m import HUMAN36M
from hcmoco_bench.store.registry import open_store
from hcmoco_bench.store.verify import verify_store


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    root = tmp_path_factory.mktemp("human36m")
    for subject, stem, frames in (
        (9, "Eating.54138969", 30),
        (1, "Eating.54138969", 51),
        (1, "Directions 1.54138969", 26),
        (5, "Posing.60457274", 25),
    ):
        write_recording(root, subject, stem, frames)
    return root


@pytest.fixture
def own(raw, tmp_path):
    return shutil.copytree(raw, tmp_path / "raw")


def contents(folder):
    return {path.name: file_sha256(path) for path in sorted(folder.iterdir())}


def _paths(root, subject, stem):
    base = root / f"S{subject}"
    return base / "Videos" / f"{stem}.mp4", base / "MySegmentsMat" / "PartLabels" / f"{stem}.mat"


def test_every_25th_frame_in_the_published_order(raw, tmp_path):
    store = prepare_human36m(raw, tmp_path / "store").store
    train = ["S1_Directions_1.54138969_000000", "S1_Directions_1.54138969_000025", "S1_Eating.54138969_000000",
             "S1_Eating.54138969_000025", "S1_Eating.54138969_000050", "S5_Posing.60457274_000000"]  # fmt: skip
    assert list(store.splits["train"].ids) == train
    assert list(store.splits["test"].ids) == ["S9_Eating.54138969_000000", "S9_Eating.54138969_000025"]
    assert store.splits["train_20"].ids == tuple(train[:1])
    assert store.manifest.splits["train_10"].expected == 0
    assert store.splits["train"].sha256 == fingerprint(train)
    assert store.manifest.problems == {"subject_absent": 1}
    assert [row["sample_id"] for row in store.rows("train")] == train
    assert [row["sample_id"] for row in store.rows("train_20")] == train[:1]
    for row in store.rows("train"):
        rgb = cv2.imdecode(np.frombuffer(row["rgb"]["bytes"], np.uint8), cv2.IMREAD_COLOR)
        parts = cv2.imdecode(np.frombuffer(row["parts"]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
        assert rgb.shape[:2] == parts.shape == (24, 32)
        assert abs(float(rgb.mean()) - brightness(row["frame"])) < 3
        np.testing.assert_array_equal(part_table().raw_ids[parts], raw_labels(row["frame"]))
    assert (row["subject"], row["action"], row["camera"]) == (5, "Posing", "60457274")
    opened = open_store(store.path)
    assert opened.kind is HUMAN36M
    assert opened.manifest == store.manifest
    assert opened.find(train[3])["frame"] == 25


def test_workers_and_stops_give_the_same_bytes(raw, tmp_path):
    first = prepare_human36m(raw, tmp_path / "one", rows_per_shard=2)
    prepare_human36m(raw, tmp_path / "two", rows_per_shard=2, executor=LocalExecutor(2))
    reference = contents(tmp_path / "one")
    assert contents(tmp_path / "two") == reference
    assert sum(name.endswith(".parquet") for name in reference) == 4
    # As a killed run leaves it: some shards, a temporary file, no manifest.
    stopped = tmp_path / "two"
    (stopped / "manifest.json").unlink()
    (stopped / ".plan.json").write_text(json.dumps({"plan_sha256": first.store.manifest.plan_sha256}))
    (stopped / "train-00001-of-00003.parquet").unlink()
    (stopped / ".train-00001-of-00003.parquet.1-ab.tmp").write_bytes(b"half")
    again = prepare_human36m(raw, stopped, rows_per_shard=2)
    assert again.kept == 5
    assert contents(stopped) == reference
    assert prepare_human36m(raw, stopped, rows_per_shard=2).nothing_to_do
    with pytest.raises(StoreError, match="other options"):
        prepare_human36m(raw, stopped, rows_per_shard=3)
    prepare_human36m(raw, stopped, rows_per_shard=3, overwrite=True)
    assert contents(stopped) != reference


def test_labels_of_another_length_end_the_recording_and_are_said(own, tmp_path):
    write_mat(_paths(own, 1, "Eating.54138969")[1], [raw_labels(i) for i in range(50)])
    store = prepare_human36m(own, tmp_path / "store").store
    (problem,) = (one for one in store.problems() if one.kind != "subject_absent")
    assert (problem.id, problem.kind, problem.kept) == ("S1_Eating.54138969", "lengths_differ", True)
    assert "labels of 50 frames, the video has 51" in problem.reason
    assert "1 of the chosen frames" in problem.reason
    assert str(own) not in problem.reason
    assert store.manifest.splits["train"].rows == store.manifest.splits["train"].expected == 5


@pytest.mark.parametrize(("shown", "labeled"), [(26, 51), (43, 51), (102, 51), (51, 40), (51, 102), (49, 51)])
def test_a_video_of_other_moments_than_its_labels_is_left_out(own, tmp_path, shown, labeled):
    """Half the rate, trimmed, doubled, and labels of another recording; the last pair merely ends apart."""
    write_recording(own, 1, "Eating.54138969", shown, labels=labeled)
    store = prepare_human36m(own, tmp_path / "store").store
    (problem,) = (one for one in store.problems() if one.kind != "subject_absent")
    kept = (shown, labeled) == (49, 51)
    assert (problem.id, problem.kind, problem.kept) == ("S1_Eating.54138969", "lengths_differ", kept)
    assert f"labels of {labeled} frames, the video has {shown}" in problem.reason
    ids = [row["sample_id"] for row in store.rows("train", ["sample_id"])]
    assert len([name for name in ids if name.startswith("S1_Eating")]) == 2 * kept
    assert len([name for name in ids if not name.startswith("S1_Eating")]) == 3
    assert verify_store(store.path).passed


def test_bad_frames_are_left_out_by_name(own, tmp_path):
    images = [raw_labels(i) for i in range(51)]
    images[0] = np.full((24, 32), 5, np.uint8)
    images[25] = raw_labels(25, (40, 24))
    images[50] = raw_labels(50, (30, 26))
    write_mat(_paths(own, 1, "Eating.54138969")[1], images)
    store = prepare_human36m(own, tmp_path / "store").store
    found = {problem.id[-6:]: (problem.kind, problem.kept) for problem in store.problems() if problem.id}
    assert found == {"000000": ("mask_unknown_id", False), "000025": ("mask_wrong_size", False)}
    assert store.manifest.splits["train"].rows == 4
    assert store.manifest.splits["train"].expected == 6
    # A border of 2 px is filled with background, or cut.
    row = store.find("S1_Eating.54138969_000050")
    parts = cv2.imdecode(np.frombuffer(row["parts"]["bytes"], np.uint8), cv2.IMREAD_UNCHANGED)
    assert parts.shape == (24, 32)
    np.testing.assert_array_equal(part_table().raw_ids[parts[:, :30]], raw_labels(50, (30, 26))[:24])
    assert not parts[:, 30:].any()


def test_damaged_files_are_problems_and_the_others_are_prepared(own, tmp_path):
    video = _paths(own, 1, "Eating.54138969")[0]
    # A video whose header is at the front and whose images break off.
    content = video.read_bytes()
    moov = content.index(b"mdat") - 4
    video.write_bytes(content[: moov + 60] + bytes(200) + content[moov + 260 :])
    labels = _paths(own, 5, "Posing.60457274")[1]
    labels.write_bytes(labels.read_bytes()[:3000])
    store = prepare_human36m(own, tmp_path / "store").store
    kinds = {problem.kind for problem in store.problems() if problem.id}
    assert "labels_unreadable" in kinds
    assert kinds <= {"labels_unreadable", "video_too_short"}
    assert store.manifest.splits["test"].rows == 2
    for path in own.rglob("*.mat"):
        path.write_bytes(b"")
    with pytest.raises(DataError, match="none of its"):
        prepare_human36m(own, tmp_path / "none")


def test_verification_finds_what_is_wrong(own, tmp_path):
    write_mat(_paths(own, 1, "Eating.54138969")[1], [raw_labels(0), *[np.full((24, 32), 5, np.uint8)] * 50])
    store = prepare_human36m(own, tmp_path / "store").store
    passed = verify_store(store.path)
    assert passed.passed, passed.failures
    assert (passed.shards, passed.rows) == (2, 6)
    whole = {path: path.read_bytes() for path in store.path.iterdir()}
    shard = store.path / "train-00000-of-00001.parquet"
    for path, content, reason in (
        (shard, whole[shard][:-100], "cannot be read"),
        (store.path / "problems.jsonl", b"", "nor has it a line that says why not"),
        (store.path / "splits.json", whole[store.path / "splits.json"].replace(b"_000025", b"_000026"), "fingerprint"),
    ):
        path.write_bytes(content)
        found = verify_store(store.path)
        assert any(reason in failure.reason for failure in found.failures), (reason, found.failures)
        path.write_bytes(whole[path])
    # A shard of the same form with other labels: the manifest no longer fits, and neither do the labels.
    table = pq.read_table(shard)
    rows = table.to_pylist()
    rows[0]["parts"]["bytes"] = cv2.imencode(".png", np.full((24, 32), 25, np.uint8))[1].tobytes()
    pq.write_table(pa.Table.from_pylist(rows, table.schema), shard)
    reasons = [failure.reason for failure in verify_store(store.path).failures]
    assert any("SHA-256" in reason for reason in reasons)
    assert any("class 25" in reason for reason in reasons)


def test_the_command(raw, tmp_path):
    runner = CliRunner()
    arguments = ["prepare", "human36m", "--root", str(raw), "--out", str(tmp_path / "store"), "--workers", "1"]
    done = runner.invoke(app, [*arguments, "--json", "--strict"])
    assert done.exit_code == 3, done.output  # not all subjects are there
    result = json.loads(done.stdout)
    assert result["recordings"] == 4
    assert result["splits"]["train"]["rows"] == 6
    again = runner.invoke(app, arguments)
    assert "nothing to do" in again.output
    text = runner.invoke(app, ["prepare", "human36m", "--help"], env={"COLUMNS": "160", "TERM": "dumb"}).output
    for word in ("PartLabels", "--every", "--executor", "--strict"):
        assert word in text


def test_the_sheet_of_frames(raw, tmp_path):
    store = prepare_human36m(raw, tmp_path / "store").store
    runner = CliRunner()
    sheet, bars = tmp_path / "sheet.png", tmp_path / "bars.png"
    done = runner.invoke(
        app, ["view", str(store.path), "-n", "3", "--out", str(sheet), "--frequencies", str(bars), "--quiet"]
    )
    assert done.exit_code == 0, done.output
    assert sheet.stat().st_size > 5000
    assert bars.stat().st_size > 5000
    refused = runner.invoke(app, ["view", str(store.path), "--features", "any.pth"])
    assert isinstance(refused.exception, UsageError)
    frame = decode_frame(store.find("S1_Eating.54138969_000025"))
    np.testing.assert_array_equal(part_table().raw_ids[frame.parts], raw_labels(25))
    with pytest.raises(StoreError, match="run verify"):
        decode_frame({"sample_id": "x", "rgb": None, "parts": None})
