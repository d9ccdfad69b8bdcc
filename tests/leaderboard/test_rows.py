"""Rows of checked results: what each level needs, and everything that must not become a row."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from leaderboard_results import edit_evidence, edit_result, restate, with_columns

from hcmoco_bench.body import part_table
from hcmoco_bench.errors import DataError, StoreError, UsageError
from hcmoco_bench.files.hashing import fingerprint
from hcmoco_bench.files.lock import folder_lock
from hcmoco_bench.leaderboard.level import Level
from hcmoco_bench.leaderboard.rows.add import CheckInputs, add_result
from hcmoco_bench.leaderboard.rows.changes import pull_request_errors
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.evidence_check import labels_sha256
from hcmoco_bench.leaderboard.rows.read import as_row, read_row, row_folders
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.leaderboard.rows.verify import RowVerification, raise_level, verify_rows
from hcmoco_bench.results.evidence import Evidence

ANN = Submission(by="Ann")


def data_at(store: Path, **more: Any) -> CheckInputs:
    return CheckInputs(settings={"stores": (str(store),)}, **more)


def test_a_result_alone_gets_the_level_of_its_evidence(results: Path, board: Path) -> None:
    stored, checklist = add_result(results / "good" / "result.json", board, ANN)
    row = as_row(stored)
    assert (row.level, row.party, row.by, row.name) == (Level.EVIDENCE, "first", "Ann", "good")
    assert {item.level for item in checklist.items} == {"evidence"}
    assert row.score == json.loads((results / "good" / "result.json").read_text())["scores"]["mean"]
    assert [one.path.is_file() for one in row.evidence] == [True]
    assert list(row.scores) == ["miou", "macc", "aacc", "miou_parts"]
    assert list(row.per_class) == [name for name in part_table().names if name in row.per_class]
    assert list(row.per_class["head"]) == ["iou", "accuracy"]
    assert "level" not in json.loads((stored.folder / "row.json").read_text())


def test_data_and_predictions_raise_the_level(results: Path, made: Path, board: Path, parsing_store: Path) -> None:
    stored, _ = add_result(results / "good" / "result.json", board, ANN, data_at(parsing_store))
    assert as_row(stored).level == Level.LABELS
    inputs = data_at(parsing_store, predictions=made / "worse-masks")
    stored, checklist = add_result(results / "worse" / "result.json", board, ANN, inputs, checked_by="Bob")
    row = as_row(stored)
    assert (row.level, row.party, row.by) == (Level.PREDICTIONS, "third", "Bob")
    assert [item.check for item in checklist.items if item.level == "predictions"] == ["predictions"]
    assert sorted(stored.file.best.inputs) == ["manifest", "predictions"]
    found = list(verify_rows(board, inputs=data_at(parsing_store)))
    assert [(one.ok, one.level) for one in found] == [(True, Level.LABELS), (True, Level.PREDICTIONS)]
    assert [one.recorded for one in found] == [(), (Level.PREDICTIONS,)]


def test_predictions_of_another_model_refute_a_row(results: Path, made: Path, board: Path, parsing_store: Path) -> None:
    with pytest.raises(RowRefusedError, match="other statistics come out"):
        add_result(
            results / "good" / "result.json", board, ANN, data_at(parsing_store, predictions=made / "worse-masks")
        )
    assert row_folders(board) == ()
    with pytest.raises(UsageError, match="say where it is"):
        add_result(results / "good" / "result.json", board, ANN, CheckInputs(predictions=made / "good-masks"))


def scores(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content["scores"].update(changes)


def raise_mean(content: dict[str, Any]) -> None:
    found = content["scores"]
    found["mean"] += 0.01
    found["per_seed"] = [found["mean"]]


def raise_head(content: dict[str, Any]) -> None:
    content["scores"]["per_class"]["head"]["iou"] += 0.5


def raise_accuracy(content: dict[str, Any]) -> None:
    content["scores"]["all"]["macc"] += 1e-6


def claim_split(content: dict[str, Any]) -> None:
    content["task"]["split_sha256"] = "0" * 64


def claim_protocol(content: dict[str, Any]) -> None:
    content["task"]["protocol"] = "published"


def claim_variant(content: dict[str, Any]) -> None:
    content["task"]["variant"] = "points"


def claim_version(content: dict[str, Any]) -> None:
    content["task"]["version"] = "1"


def claim_original_data(content: dict[str, Any]) -> None:
    content["data"]["name"] = "NTURGBD-Parsing-4K"


def claim_more(content: dict[str, Any]) -> None:
    content["data"]["n_expected"] += 5


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (raise_mean, "the mean over seeds of miou is"),
        (raise_head, "head, iou is"),
        (raise_accuracy, "macc is"),
        (scores(ci95=[0.0, 100.0]), "interval: low is"),
        (
            scores(ci95_draws=10**12),
            "interval: 1,000,000,000,000 draws; evaluate with 40 to 20,000",
        ),
        (scores(unit="mm"), "not miou in mm"),
        (claim_split, "not those of test"),
        (claim_protocol, "made by other rules than those of protocol published"),
        (claim_variant, "made by other rules"),
        (claim_version, "is of version 1 of depth_parsing"),
        (claim_original_data, "test has 1,963 samples"),
        (claim_more, "a part is not compared with the whole"),
    ],
)
def test_an_edited_result_is_refused(
    results: Path, board: Path, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    path = results / "good" / "result.json"
    edit_result(path, change)
    with pytest.raises(RowRefusedError, match=why):
        add_result(path, board, ANN)
    assert row_folders(board) == ()


def test_a_level_written_into_a_result_is_refused(results: Path, board: Path) -> None:
    path = results / "good" / "result.json"
    edit_result(path, lambda content: content["status"].update(tier="weights"))
    with pytest.raises(DataError, match=r"status\.tier"):
        add_result(path, board, ANN)


def better(evidence: Evidence) -> Evidence:
    """Everything right in the first sample."""
    right, predicted = (evidence.columns[name].copy() for name in ("intersection", "prediction"))
    right[0] = predicted[0] = evidence.columns["target"][0]
    return with_columns(evidence, {"intersection": right, "prediction": predicted})


def swapped(evidence: Evidence) -> Evidence:
    ids = evidence.sample_ids
    return replace(evidence, sample_ids=(*ids[1:], ids[0]))


def renamed(evidence: Evidence) -> Evidence:
    return replace(evidence, sample_ids=tuple(f"{name[:-3]}9{name[-2:]}" for name in evidence.sample_ids))


def relabeled(evidence: Evidence) -> Evidence:
    """Labels on which the predictions are right."""
    return with_columns(
        evidence,
        {"target": evidence.columns["prediction"].copy(), "intersection": evidence.columns["prediction"].copy()},
    )


def test_labels_are_known_by_ids_and_values_alone() -> None:
    """Neither the order of the samples nor how columns are stored matters; each label and each id does."""
    target = np.arange(6, dtype=np.int32).reshape(3, 2)
    first = Evidence("m", ("a", "b", "c"), {"target": target, "found": target})
    same = (
        first.select([2, 0, 1]),
        with_columns(first, {"target": target.astype(">i8")}),
        with_columns(first, {"target": np.asfortranarray(target)}),
        with_columns(first, {"found": target + 1}),
    )
    others = (
        with_columns(first, {"target": target + np.eye(3, 2, dtype=np.int32)}),
        with_columns(first, {"target": target.reshape(3, 2, 1)}),
        with_columns(first, {"target": target[[1, 0, 2]]}),
        replace(first, sample_ids=("a", "b", "d")),
    )
    known = labels_sha256(first, frozenset({"target"}))
    assert {labels_sha256(one, frozenset({"target"})) for one in same} == {known}
    assert len({known, *(labels_sha256(one, frozenset({"target"})) for one in others)}) == 1 + len(others)


def half(evidence: Evidence) -> Evidence:
    return evidence.select(range(len(evidence) // 2))


def twice(evidence: Evidence) -> Evidence:
    return evidence.select([0, *range(1, len(evidence) - 1), 0])


def test_evidence_that_was_edited_is_refused(results: Path, board: Path) -> None:
    path = results / "good" / "result.json"
    edit_evidence(path, better, rehash=False)
    with pytest.raises(RowRefusedError, match="not the evidence of that result"):
        add_result(path, board, ANN)
    edit_evidence(path, better)
    with pytest.raises(RowRefusedError, match="by the evidence"):
        add_result(path, board, ANN)


@pytest.mark.parametrize(
    ("change", "why"),
    [(renamed, "not those of test"), (half, "13 samples are stated and 6"), (twice, "more than once")],
)
def test_other_samples_are_refused_without_the_data(
    results: Path, board: Path, change: Callable[[Evidence], Evidence], why: str
) -> None:
    path = results / "good" / "result.json"
    edit_evidence(path, change)
    restate(path)
    with pytest.raises(RowRefusedError, match=why):
        add_result(path, board, ANN)


@pytest.mark.parametrize("change", [swapped, relabeled])
def test_labels_that_are_not_the_splits_are_refused_with_the_data(
    results: Path, board: Path, parsing_store: Path, change: Callable[[Evidence], Evidence]
) -> None:
    path = results / "good" / "result.json"
    edit_evidence(path, change)
    restate(path)
    with pytest.raises(RowRefusedError, match="have other labels in the data than in the evidence"):
        add_result(path, board, ANN, data_at(parsing_store))
    add_result(results / "worse" / "result.json", board, ANN)
    with pytest.raises(RowRefusedError, match="scored against other labels than worse"):
        add_result(path, board, ANN)


def subset(path: Path) -> None:
    """The first half of the split as if it were the split."""
    edit_evidence(path, half)
    restate(path)
    evidence_ids: list[str] = []
    edit_evidence(path, lambda one: evidence_ids.extend(one.sample_ids) or one, rehash=False)  # type: ignore[func-returns-value]

    def change(content: dict[str, Any]) -> None:
        content["data"].update(n_expected=len(evidence_ids), n_scored=len(evidence_ids))
        content["task"]["split_sha256"] = fingerprint(evidence_ids)

    edit_result(path, change)


def test_a_subset_is_not_the_whole(results: Path, board: Path, parsing_store: Path) -> None:
    path = results / "good" / "result.json"
    subset(path)
    with pytest.raises(RowRefusedError, match="its split test has the fingerprint"):
        add_result(path, board, ANN, data_at(parsing_store))
    add_result(results / "worse" / "result.json", board, ANN)
    with pytest.raises(RowRefusedError, match="that of the table is"):
        add_result(path, board, ANN)


def test_a_row_is_added_once(results: Path, board: Path) -> None:
    path = results / "good" / "result.json"
    add_result(path, board, ANN)
    with pytest.raises(UsageError, match="a row already"):
        add_result(path, board, Submission(by="Eve"))
    edit_result(path, lambda content: content["model"].update(name="Mine"))
    with pytest.raises(RowRefusedError, match="has the same evidence"):
        add_result(path, board, Submission(by="Eve"))
    target = results / "worse" / "result.json"
    edit_result(target, lambda content: content["model"].update(weights_sha256="ab" * 32))
    add_result(target, board, ANN)
    edit_result(target, lambda content: content["model"].update(name="Mine"))
    with pytest.raises(RowRefusedError, match="has the same weights"):
        add_result(target, board, Submission(by="Eve"))


def test_protocols_stand_in_tables_of_their_own(results: Path, board: Path) -> None:
    keys = {as_row(add_result(results / name / "result.json", board, ANN)[0]).key for name in ("good", "published")}
    assert {key.protocol for key in keys} == {"native", "published"}


def one_row(board: Path) -> tuple[Path, RowVerification]:
    (folder,) = row_folders(board)
    (found,) = verify_rows(board)
    return folder, found


def set_level(content: dict[str, Any]) -> None:
    content["level"] = "weights"


def add_check(content: dict[str, Any]) -> None:
    content["checks"].append(content["checks"][0] | {"level": "weights"})


def change_detail(content: dict[str, Any]) -> None:
    content["checks"][0]["items"][0]["detail"] = "all is well"


def change_labels(content: dict[str, Any]) -> None:
    content["labels_sha256"] = "0" * 64


@pytest.mark.parametrize(
    ("file", "change", "why"),
    [
        ("row.json", set_level, "level: Extra inputs"),
        ("row.json", add_check, "the line 'weights' of its checklist does not pass"),
        ("row.json", change_detail, "changed by hand"),
        ("row.json", change_labels, "labels_sha256 is not that of the evidence"),
        ("result.json", raise_mean, "rows are not edited"),
    ],
)
def test_verifying_finds_what_was_changed_by_hand(
    results: Path, board: Path, file: str, change: Callable[[dict[str, Any]], None], why: str
) -> None:
    add_result(results / "good" / "result.json", board, ANN)
    folder, before = one_row(board)
    assert before.ok
    edit_result(folder / file, change)
    _, after = one_row(board)
    assert after.level == Level.PAPER
    assert any(why in item.detail for item in after.checklist.failed)


def test_verifying_finds_changed_evidence_and_stray_files(results: Path, board: Path) -> None:
    stored, _ = add_result(results / "good" / "result.json", board, ANN)
    (stored.folder / "run.sh").write_text("echo", "utf-8")
    assert "run.sh does not belong there" in one_row(board)[1].checklist.failed[0].detail
    (stored.folder / "run.sh").unlink()
    file = stored.folder / stored.result.evidence[0].file
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    assert "SHA-256" in one_row(board)[1].checklist.failed[0].detail
    file.unlink()
    assert not one_row(board)[1].ok


def test_the_record_of_another_row_gives_no_level(results: Path, board: Path, parsing_store: Path) -> None:
    add_result(results / "good" / "result.json", board, ANN, data_at(parsing_store))
    add_result(results / "worse" / "result.json", board, ANN)
    good, worse = (json.loads((folder / "row.json").read_text()) for folder in row_folders(board))
    worse["checks"].append(good["checks"][1])
    (row_folders(board)[1] / "row.json").write_text(json.dumps(worse))
    assert [one.ok for one in verify_rows(board)] == [True, False]


def test_somebody_else_raises_the_level(results: Path, made: Path, board: Path, parsing_store: Path) -> None:
    stored, _ = add_result(results / "good" / "result.json", board, ANN)
    inputs = data_at(parsing_store, predictions=made / "good-masks")
    raised, _ = raise_level(board, stored.file.id, "Bob", inputs)
    row = as_row(raised)
    assert (row.level, row.party, row.by) == (Level.PREDICTIONS, "third", "Bob")
    before = (raised.folder / "row.json").read_bytes()
    with pytest.raises(RowRefusedError):
        raise_level(board, stored.file.id, "Bob", data_at(parsing_store, predictions=made / "worse-masks"))
    assert (raised.folder / "row.json").read_bytes() == before
    with pytest.raises(UsageError, match="nothing is given"):
        raise_level(board, stored.file.id, "Bob", CheckInputs())
    with pytest.raises(UsageError, match="there is no row nobody"):
        raise_level(board, "nobody", "Bob", inputs)


def test_an_interrupted_or_concurrent_run_leaves_no_half_row(results: Path, board: Path) -> None:
    path = results / "good" / "result.json"
    stored, _ = add_result(path, board, ANN)
    left = stored.folder.with_name(f".adding-{stored.folder.name}")
    stored.folder.rename(left)
    assert row_folders(board) == ()
    with folder_lock(board), pytest.raises(StoreError, match="is writing here"):
        add_result(path, board, ANN)
    add_result(path, board, ANN)
    assert [one.ok for one in verify_rows(board)] == [True]
    assert not left.exists()


def test_what_a_pull_request_may_do(results: Path, tmp_path: Path, parsing_store: Path) -> None:
    base, board = tmp_path / "base", tmp_path / "changed"
    (base / "published").mkdir(parents=True)
    (base / "published" / "one.toml").write_text("a = 1")
    add_result(results / "good" / "result.json", base, ANN, data_at(parsing_store))
    shutil.copytree(base, board)
    assert pull_request_errors(board, base) == ()
    stored, _ = add_result(results / "worse" / "result.json", board, ANN)
    assert pull_request_errors(board, base) == ()
    raise_level(board, stored.file.id, "Eve", data_at(parsing_store))
    (told,) = pull_request_errors(board, base)
    assert "claims the level labels" in told
    (board / "published" / "one.toml").write_text("a = 2")
    shutil.rmtree(board / row_folders(base)[0].relative_to(base))
    told = "\n".join(pull_request_errors(board, base))
    assert "published/one.toml was changed" in told
    assert "was removed" in told
    (board / "published" / "link.toml").symlink_to("/etc/hostname")
    (told,) = pull_request_errors(board, base)
    assert "link.toml is a symbolic link" in told
    with pytest.raises(UsageError, match="is no leaderboard"):
        pull_request_errors(tmp_path / "good", base)


def test_a_row_that_is_not_where_it_belongs(results: Path, board: Path) -> None:
    stored, _ = add_result(results / "good" / "result.json", board, ANN)
    elsewhere = board / "rows" / "rgb_parsing" / stored.folder.name
    elsewhere.parent.mkdir()
    shutil.copytree(stored.folder, elsewhere)
    with pytest.raises(DataError, match="its place is rows/depth_parsing"):
        read_row(elsewhere)
    moved = stored.folder.rename(stored.folder.with_name("another-name"))
    with pytest.raises(DataError, match="in a folder of another name"):
        read_row(moved)
