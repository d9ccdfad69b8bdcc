"""Attempts to get a row in that is not true, or to harm a leaderboard and those who read it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from leaderboard_results import edit_evidence, edit_result, restate, with_columns
from random_results import evidence_of, write_random
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.errors import DataError, HcmocoBenchError, StoreError, UsageError
from hcmoco_bench.files.hashing import bytes_sha256, file_sha256, fingerprint, json_sha256
from hcmoco_bench.leaderboard.collect import open_leaderboard
from hcmoco_bench.leaderboard.contenders import compare_named
from hcmoco_bench.leaderboard.rows import add as rows_add
from hcmoco_bench.leaderboard.rows.add import CheckInputs, add_result
from hcmoco_bench.leaderboard.rows.changes import pull_request_errors
from hcmoco_bench.leaderboard.rows.checklist import RowRefusedError
from hcmoco_bench.leaderboard.rows.place_check import by_table, check_place
from hcmoco_bench.leaderboard.rows.read import StoredRow, as_row, row_folders
from hcmoco_bench.leaderboard.rows.row_file import Submission
from hcmoco_bench.leaderboard.rows.verify import RowVerification, verify_rows
from hcmoco_bench.metrics.possible_evidence import impossible
from hcmoco_bench.results.evidence import Evidence, load_evidence
from hcmoco_bench.tasks.core.registry import get_task
from hcmoco_bench.tasks.core.task_data import TaskData

ANN = Submission(by="Ann")
Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A result of depth parsing on generated frames."""
    return write_random(tmp_path / "result")


def add(path: Path, board: Path, by: Submission = ANN) -> StoredRow:
    return add_result(path, board, by)[0]


def refused(path: Path, board: Path, why: str) -> None:
    with pytest.raises(RowRefusedError, match=why):
        add(path, board)
    assert row_folders(board) == ()


def verified(board: Path) -> list[RowVerification]:
    return list(verify_rows(board))


def failures(board: Path) -> str:
    return "; ".join(item.detail for row in verified(board) for item in row.checklist.failed)


# Evidence that no metric gives


def moved(column: str, row: int, place: int, by: int) -> Callable[[Evidence], Evidence]:
    def change(evidence: Evidence) -> Evidence:
        values = evidence.columns[column].copy()
        values[row, place] += by
        return with_columns(evidence, {column: values})

    return change


def perfect_sums(evidence: Evidence) -> Evidence:
    """Everything found, and predictions elsewhere as before: more found than predicted."""
    return with_columns(evidence, {"intersection": evidence.columns["target"].copy()})


def narrow(evidence: Evidence) -> Evidence:
    """Predictions of one column, which would be added to every class."""
    return with_columns(evidence, {"prediction": np.zeros((len(evidence), 1), np.int32)})


def swapped_pair(evidence: Evidence) -> Evidence:
    """One class is missed and another, which nobody else could have been, is found too often."""
    right, target = np.zeros((2, len(evidence), 25), np.int32)
    predicted = np.zeros_like(target)
    target[:, 0], predicted[:, 0], right[:, 0] = 300, 300, 200
    target[:, 1], predicted[:, 1], right[:, 1] = 100, 100, 100
    return with_columns(evidence, {"intersection": right, "target": target, "prediction": predicted})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (moved("intersection", 0, 3, -10_000), "counts below 0"),
        (moved("intersection", 0, 3, 10_000), "more pixels in both"),
        (perfect_sums, "more pixels in both"),
        (moved("target", 2, 3, 50), "other numbers of pixels in labels"),
        (moved("prediction", 2, 3, 2**31 - 500), "other numbers of pixels in labels"),
        (narrow, "columns of other shapes"),
        (swapped_pair, "counts that no assignment of pixels gives"),
        (lambda one: with_columns(one, {"extra": np.zeros(len(one), np.int32)}), "its columns are not"),
        (lambda one: with_columns(one, {"target": one.columns["target"].astype(np.int64)}), "its columns are not"),
    ],
)
def test_counts_that_cannot_be(result: Path, board: Path, change: Callable[[Evidence], Evidence], why: str) -> None:
    edit_evidence(result, change)
    refused(result, board, why)


def test_an_honest_metric_never_gives_what_cannot_be() -> None:
    for seed in range(6):
        for task in ("depth_parsing", "itop_pose", "densepose"):
            assert impossible(evidence_of(task, seed)) == ()
        assert impossible(evidence_of("depth_parsing", seed, variant="points")) == ()


def with_errors(value: float) -> Callable[[Evidence], Evidence]:
    def change(evidence: Evidence) -> Evidence:
        errors = evidence.columns["error_cm"].copy()
        errors[0, 0] = value
        return with_columns(evidence, {"error_cm": errors})

    return change


def found_twice(evidence: Evidence) -> Evidence:
    outcome = evidence.columns["bbox_outcome"].copy()
    outcome[outcome > 0] = 1
    return with_columns(evidence, {"bbox_outcome": outcome})


@pytest.mark.parametrize(
    ("task", "change", "why"),
    [
        ("itop_pose", with_errors(-500.0), "distances below 0"),
        ("itop_pose", with_errors(float("nan")), "nan or infinite"),
        ("itop_pose", with_errors(float("inf")), "nan or infinite"),
        ("densepose", found_twice, "more people found than there are"),
        (
            "densepose",
            lambda one: with_columns(one, {"gps_n_truths": -one.columns["gps_n_truths"]}),
            "numbers of people below 0",
        ),
        ("densepose", lambda one: with_columns(one, {"gps_outcome": one.columns["gps_outcome"] + 4}), "outcomes"),
        ("densepose", lambda one: with_columns(one, {"gps_score": one.columns["gps_score"][:, ::-1].copy()}), "order"),
        ("densepose", lambda one: with_columns(one, {"iou_score": one.columns["iou_score"] * np.nan}), "nan"),
    ],
)
def test_statistics_that_cannot_be(
    task: str, change: Callable[[Evidence], Evidence], why: str, board: Path, tmp_path: Path
) -> None:
    path = write_random(tmp_path / "result", task, data="generated")
    edit_evidence(path, change)
    refused(path, board, why)


# Claims about protocol, variant, samples and seeds


@pytest.mark.parametrize(
    ("task", "variant", "why"),
    [
        ("depth_parsing", "better", "no variant 'better'"),
        ("rgb_parsing", "points", "no variant 'points'"),
        ("cross_modality", "", "no variant 'without a name'.*depth_to_rgb, rgb_to_depth"),
        ("missing_modality", "", "only_depth, only_rgb"),
        ("missing_modality", "rgb_to_depth", "only_depth, only_rgb"),
        ("itop_pose", "true_boxes", "variants: none"),
        ("densepose", "x", "variants: none"),
    ],
)
def test_variants_that_a_task_does_not_have(task: str, variant: str, why: str, board: Path, tmp_path: Path) -> None:
    refused(write_random(tmp_path / "result", task, variant=variant, data="generated"), board, why)


def test_protocols_that_only_papers_have(tmp_path: Path, board: Path) -> None:
    path = write_random(tmp_path / "result", "cross_modality", variant="rgb_to_depth")
    edit_result(path, lambda content: content["task"].update(protocol="published"))
    with pytest.raises(HcmocoBenchError, match="published"):
        add(path, board)
    assert row_folders(board) == ()


def named(*ids: str) -> Callable[[Evidence], Evidence]:
    return lambda one: replace(one, sample_ids=(*ids, *one.sample_ids[len(ids) :]))


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        (("caf\u00e9", "cafe\u0301"), "more than once"),
        (("a\nb",), "sample ids hold control characters"),
        (("a\u202eb",), "sample ids hold control characters"),
        ((" a",), "blanks at their ends"),
    ],
)
def test_ids_that_only_look_different(ids: tuple[str, ...], why: str, result: Path, board: Path) -> None:
    edit_evidence(result, named(*ids))
    refused(result, board, why)


def test_a_line_break_does_not_make_two_samples_of_one(result: Path, board: Path) -> None:
    """The fingerprint of `a<newline>b` is that of `a` and `b`."""

    def joined(one: Evidence) -> Evidence:
        rest = one.select(range(1, len(one)))
        return replace(rest, sample_ids=("\n".join(one.sample_ids[:2]), *rest.sample_ids[1:]))

    edit_evidence(result, joined)
    restate(result)
    edit_result(result, lambda content: content["data"].update(n_expected=11, n_scored=11))
    refused(result, board, "control characters")


def test_seeds_that_are_one(tmp_path: Path, board: Path) -> None:
    refused(write_random(tmp_path / "twice", seeds=(1, 1)), board, "a seed comes more than once")
    evidence = evidence_of("depth_parsing", 1)
    path = write_random(tmp_path / "same", seeds=(1, 2, 3), evidences=[evidence] * 3)
    refused(path, board, "two seeds have the same evidence")
    path = write_random(tmp_path / "missing", seeds=(1, 2, 3))
    edit_result(path, lambda content: content["run"].update(seeds=[1, 2]))
    with pytest.raises(DataError, match="for 2 seeds"):
        add(path, board)
    path = write_random(tmp_path / "std", seeds=(1, 2, 3))
    edit_result(path, lambda content: content["scores"].update(std=0.001))
    refused(path, board, "std is")
    assert as_row(add(write_random(tmp_path / "good", seeds=(1, 2, 3)), board)).seeds == 3


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda content: content["scores"].update(ci95_draws=1), "1 draws"),
        (lambda content: content["scores"].update(ci95_draws=10**12), "1,000,000,000,000 draws"),
        (lambda content: content["scores"].update(ci95_draws=None), "interval: "),
        (lambda content: content["scores"]["all"].update(extra=99.0), "extra is nothing by the evidence"),
        (lambda content: content["scores"]["all"].pop("macc"), "macc is"),
        (lambda content: content["data"].update(name="NTURGBD\u2010Parsing-4K (generated)"), "printable ASCII"),
        (lambda content: content["data"].update(name="a  b (generated)"), "printable ASCII"),
        (lambda content: content["model"].update(name="mod\u202eel"), "control characters"),
        (lambda content: content["model"].update(name="  "), "no name at all"),
        (lambda content: content["model"].update(name="m" * 201), "longer than"),
        (lambda content: content["status"].update(notes=["\x1b[2J"]), "control characters"),
    ],
)
def test_claims_that_are_refused(result: Path, board: Path, change: Change, why: str) -> None:
    edit_result(result, change)
    refused(result, board, why)


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["scores"].update(mean=float("inf")),
        lambda content: content["scores"].update(mean=float("nan")),
        lambda content: content["scores"].update(ci95=[5, 1]),
        lambda content: content["data"].update(n_expected=-1),
        lambda content: content["evidence"][0].update(file="../x.npz"),
        lambda content: content["evidence"][0].update(file="/etc/passwd"),
        lambda content: content["evidence"][0].update(file="a\\b.npz"),
        lambda content: content.update(level="weights"),
    ],
)
def test_results_that_are_none(result: Path, board: Path, change: Change) -> None:
    edit_result(result, change)
    with pytest.raises(DataError, match="not a result of schema 1"):
        add(result, board)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"[" * 100_000, b'{"schema": ' + b"9" * 10_000 + b"}", b""])
def test_files_that_are_no_json(result: Path, board: Path, content: bytes) -> None:
    row = add(result, board)
    for path in (result, row.folder / "row.json", row.folder / "result.json"):
        path.write_bytes(content)
    with pytest.raises(DataError, match="not a result of schema 1"):
        add(result, board)
    assert "is no row of schema 1" in failures(board)


# Files of a row


@pytest.mark.parametrize(
    "name",
    ["..", ".", "row.json", "result.json", ".lock", "a\0.npz", "a\n.npz", "c:x.npz", "\u202ezpn.a", "a.npz\u200e"],
)
def test_names_of_evidence_files(result: Path, board: Path, name: str) -> None:
    edit_result(result, lambda content: content["evidence"][0].update(file=name))
    refused(result, board, "is no name for an evidence file")


def test_evidence_files_of_one_name(tmp_path: Path, board: Path) -> None:
    path = write_random(tmp_path / "result", seeds=(1, 2))
    shutil.copy(path.with_name("result-evidence-1.npz"), path.with_name("RESULT-evidence-0.npz"))
    edit_result(path, lambda content: content["evidence"][1].update(file="RESULT-evidence-0.npz"))
    refused(path, board, "the same name")


def test_evidence_that_unpacks_to_gigabytes(result: Path, board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hcmoco_bench.results.evidence_archive.MOST_UNPACKED", 1 << 20)
    file = result.with_name("result-evidence-0.npz")
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("columns/zeros.npy", bytes(2 << 20))
    assert file.stat().st_size < 1 << 20
    edit_result(result, lambda content: content["evidence"][0].update(sha256=file_sha256(file)))
    refused(result, board, "at most 1,048,576 are read")


def test_large_files_are_not_read(result: Path, board: Path) -> None:
    row = add(result, board)
    for name in ("result.json", "row.json"):
        with (row.folder / name).open("r+b") as handle:
            handle.truncate(1 << 34)  # a hole: it takes no space
        assert "17,180 MB are more than such a file holds" in failures(board)


def test_arrays_that_state_terabytes(result: Path, board: Path) -> None:
    file = result.with_name("result-evidence-0.npz")
    header = b"{'descr': '<i4', 'fortran_order': False, 'shape': (4000000000000, 25), }"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("columns/more.npy", content)
    edit_result(result, lambda content: content["evidence"][0].update(sha256=file_sha256(file)))
    refused(result, board, "memory|not a whole evidence file")


def test_links_lead_nowhere(result: Path, board: Path, tmp_path: Path) -> None:
    """A leaderboard from elsewhere whose lock is a link to somebody's file."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (board / "rows").mkdir(parents=True)
    (board / ".lock").symlink_to(precious)
    with pytest.raises(DataError, match="symbolic link"):
        add(result, board)
    assert precious.read_text() == "mine"
    (board / ".lock").unlink()
    row = add(result, board)
    moved_to = tmp_path / "elsewhere.npz"
    file = row.folder / row.result.evidence[0].file
    file.rename(moved_to)
    file.symlink_to(moved_to)
    assert "links to files elsewhere" in failures(board)
    with pytest.raises(DataError, match="symbolic link"):
        add(write_random(tmp_path / "second", seeds=(2,)), board)


def test_a_leaderboard_that_is_no_folder(result: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        add(result, file)
    with pytest.raises(UsageError, match="there is no leaderboard"):
        verified(file)
    with pytest.raises(UsageError, match="there is no leaderboard"):
        verified(tmp_path / "typo")


def test_a_full_disk_leaves_nothing(result: Path, board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise StoreError(f"{path}: the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr("hcmoco_bench.leaderboard.rows.add.write_atomic", full)
        with pytest.raises(StoreError, match="full"):
            add(result, board)
    assert list(board.rglob("*.*")) == []
    with monkeypatch.context() as patched:
        patched.setattr(
            "hcmoco_bench.leaderboard.rows.add.write_row_file", lambda *_: (_ for _ in ()).throw(OSError(28, "x"))
        )
        with pytest.raises(StoreError, match="the disk is full"):
            add(result, board)
    assert list(board.rglob("*.*")) == []
    add(result, board)


def test_evidence_that_is_exchanged_while_it_is_checked(
    result: Path, board: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = rows_add.check_all

    def exchange(*given: Any, **named: Any) -> Any:
        found = checks(*given, **named)
        result.with_name("result-evidence-0.npz").write_bytes(b"other")
        return found

    monkeypatch.setattr(rows_add, "check_all", exchange)
    with pytest.raises(StoreError, match="was changed while it was checked"):
        add(result, board)
    assert row_folders(board) == ()


# Rows that are there already


def packed_anew(path: Path) -> None:
    """The same statistics in another order and uncompressed, so that the file's hash is another."""
    file = path.with_name("result-evidence-0.npz")
    edit_evidence(path, lambda one: one.select(list(range(len(one)))[::-1]), rehash=False)
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    edit_result(path, lambda content: content["evidence"][0].update(sha256=file_sha256(file)))
    edit_result(path, lambda content: content["scores"].update(ci95=None, ci95_draws=None))


def test_the_same_statistics_in_another_file(result: Path, board: Path, tmp_path: Path) -> None:
    add(result, board)
    other = write_random(tmp_path / "other", name="mine")
    packed_anew(other)
    assert load_evidence(other.with_name("result-evidence-0.npz")).sample_ids[0] == "S001C001P004R001A001F003"
    with pytest.raises(RowRefusedError, match="has the same evidence"):
        add(other, board)


def test_a_copy_under_another_id(result: Path, board: Path) -> None:
    row = add(result, board)
    copy = shutil.copytree(row.folder, row.folder.with_name("copy-000000000000"))
    content = json.loads((copy / "row.json").read_text())
    content["id"] = copy.name
    reseal(copy, content, row.file.result_sha256)
    assert [one.ok for one in verified(board)] == [False, True]
    assert "under another id" in failures(board)


def reseal(folder: Path, content: dict[str, Any], result_sha256: str) -> None:
    """Write a row file with seals that fit, as somebody does who has read the program."""
    checks = []
    for check in content["checks"]:
        told = {name: value for name, value in check.items() if name != "seal"}
        checks.append(told | {"seal": json_sha256({"row": content["id"], "result": result_sha256, "check": told})})
    content["checks"] = checks
    (folder / "row.json").write_text(json.dumps(content))


def test_a_record_whose_lines_do_not_pass(result: Path, board: Path) -> None:
    row = add(result, board)
    content = json.loads((row.folder / "row.json").read_text())
    forged = json.loads(json.dumps(content["checks"][0])) | {"level": "weights", "inputs": {}}
    forged["items"] = [{"level": "weights", "check": "weights", "outcome": "not applicable", "detail": ""}]
    content["checks"].append(forged)
    reseal(row.folder, content, row.file.result_sha256)
    assert "the line 'weights' of its checklist does not pass" in failures(board)


def test_what_a_forged_record_can_do_is_named(result: Path, board: Path, tmp_path: Path) -> None:
    """A record that is written by hand whole is not told from others; that is what `recorded` is for."""
    row = add(result, board)
    content = json.loads((row.folder / "row.json").read_text())
    forged = content["checks"][0] | {"level": "weights", "by": "Nobody"}
    forged["items"] = [{"level": "weights", "check": "weights", "outcome": "pass", "detail": "of course"}]
    content["checks"].append(forged)
    reseal(row.folder, content, row.file.result_sha256)
    (found,) = verified(board)
    assert found.ok
    assert [level.word for level in found.recorded] == ["weights"]
    base = tmp_path / "base"
    for one in (base, board):
        (one / "published").mkdir(parents=True)
    (told,) = pull_request_errors(board, base)
    assert "claims the level weights" in told


def test_tables_whose_names_look_alike(result: Path, board: Path, tmp_path: Path) -> None:
    add(result, board)
    with pytest.raises(RowRefusedError, match="differs only in the writing of its name"):
        add(write_random(tmp_path / "other", data="NTURGBD-parsing-4K", seeds=(2,)), board)
    path = write_random(tmp_path / "papers", "itop_pose", protocol="published", data="ITOP side-view")
    edit_result(path, lambda content: content["data"].update(name="ITOP side-view"))
    with pytest.raises(RowRefusedError, match="from the split test of ITOP side view"):
        add(path, board)


def test_the_best_checked_row_is_what_others_are_held_against(tmp_path: Path, board: Path) -> None:
    """A first row on labels of its own does not keep out the row whose labels were checked."""
    squatter = add(write_random(tmp_path / "a", name="a"), board)
    honest = replace(squatter.placed, id="b", labels_sha256="b" * 64, level=squatter.placed.level.LABELS)
    late = replace(squatter.placed, id="c", labels_sha256="b" * 64, evidence=frozenset())
    items = check_place(late, by_table([squatter.placed, honest]), squatter.task, squatter.result)
    (line,) = [item for item in items if item.check == "comparable with the table"]
    assert line.outcome == "pass"


def test_a_leak_of_the_protocol_stays_with_the_row(tmp_path: Path, board: Path) -> None:
    path = write_random(tmp_path / "result", "cross_modality", protocol="leaky", variant="rgb_to_depth")
    told = json.loads(path.read_text())["status"]["notes"]
    assert any(note.startswith("protocol leaky leaks: ") for note in told)
    edit_result(path, lambda content: content["status"].update(notes=["Nothing leaks."]))
    notes = as_row(add(path, board)).notes
    assert notes[0].startswith("protocol leaky leaks: ")
    assert notes[1:] == ("Nothing leaks.",)


# Submissions


@pytest.mark.parametrize(
    "given",
    [
        {"url": "javascript:alert(1)"},
        {"url": "https://a.b/\u202ec"},
        {"url": "data:text/html,x"},
        {"notes": ("\x1b[31m",)},
        {"notes": ("\u2067x",)},
        {"by": "A\u202enn"},
        {"citation": "@article{a, title = {x}} @article{b, title = {y}}"},
        {"citation": "@article{a, title = {x}"},
        {"citation": "see my homepage"},
        {"citation": "@article{a, title = {x}}\n%"},
    ],
)
def test_hostile_submissions(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Submission(**{"by": "Eve", **given})
    Submission(by="Eve", citation="@article{a,\n  title = {On {Braces}},\n}", url="https://a.b/c?d=e", notes=("<b>",))


def test_one_person_under_two_spellings_is_the_first_party(result: Path, board: Path) -> None:
    stored, _ = add_result(result, board, ANN, checked_by=" ann ")
    assert as_row(stored).party == "first"


def test_a_pull_request_does_not_speak_for_others(result: Path, board: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    for one in (base, board):
        (one / "published").mkdir(parents=True)
        (one / "citations.bib").write_text("@misc{a,\n  title = {A},\n}\n")
    add_result(result, board, ANN, checked_by="A famous laboratory")
    (told,) = pull_request_errors(board, base)
    assert "A famous laboratory checked what Ann submits" in told
    shutil.rmtree(board / "rows")
    (board / "rows").mkdir()
    (board / "rows" / "setup.py").write_text("")
    (board / "citations.bib").write_text("@misc{a,\n  title = {A},\n}\n\n@misc{b,\n  title = {B},\n}\n")
    (told,) = pull_request_errors(board, base)
    assert "rows/setup.py is new and belongs to no row" in told
    (board / "citations.bib").write_text("@misc{a,\n  title = {Other},\n}\n")
    assert "the entry a was changed" in "".join(pull_request_errors(board, base))


# One bad row among others


def test_one_bad_row_does_not_hide_the_others(board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hcmoco_bench.cli.leaderboard.options.CACHE", tmp_path / "draws")
    rows = [add(write_random(tmp_path / f"{seed}", name=f"m{seed}", seeds=(seed,)), board) for seed in (1, 2, 3, 4, 5)]
    (rows[0].folder / "row.json").write_bytes(b"{")
    (rows[1].folder / rows[1].result.evidence[0].file).write_bytes(b"PK")
    content = rows[2].folder / "result.json"
    content.write_text(content.read_text().replace('"m3"', '"m4"'))
    told: list[str] = []
    leaderboard = open_leaderboard([board], draws=50, problem=told.append)
    (table,) = leaderboard.boards
    assert sorted(row.name for row in table.rows) == ["m4", "m5"]
    assert table.standing is not None
    assert len(told) == 3
    with pytest.raises(HcmocoBenchError):
        open_leaderboard([board], draws=50)
    assert [one.ok for one in verified(board)] == [False, False, False, True, True]
    compare_named(["m4", "m5"], [board], draws=50)
    with pytest.raises(DataError, match="no row of schema"):
        compare_named(["m1", "m5"], [board], draws=50)
    add(write_random(tmp_path / "6", name="m6", seeds=(6,)), board)
    shown = CliRunner().invoke(app, ["leaderboard", "show", "--board", str(board), "--as", "json", "--draws", "50"])
    assert shown.exit_code == 0
    assert "left out" in shown.stderr
    assert sorted(row["name"] for row in json.loads(shown.stdout)) == ["m4", "m5", "m6"]
    evidence = rows[3].folder / rows[3].result.evidence[0].file
    evidence.write_bytes(evidence.read_bytes() + b"x")  # after its scores were drawn and kept
    (tmp_path / "page").mkdir()
    for words in (["page", "--out", str(tmp_path / "page")], ["export", "--to", "eee", "--out", str(tmp_path / "eee")]):
        done = CliRunner().invoke(app, ["leaderboard", *words, "--board", str(board)])
        assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "page" / "model").iterdir())) == 2
    checked = CliRunner().invoke(app, ["leaderboard", "verify", "--all", "--board", str(board), "--json"])
    assert checked.exit_code == 1
    assert [row["ok"] for row in json.loads(checked.stdout)["rows"]] == [False, False, False, False, True, True]


def test_rows_of_a_package_that_is_not_installed(result: Path, board: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = add(result, board)

    def nothing(name: str) -> Any:
        raise UsageError(f"there is no task {name!r}")

    monkeypatch.setattr("hcmoco_bench.leaderboard.rows.read.get_task", nothing)
    told: list[str] = []
    assert open_leaderboard([board], problem=told.append).boards == ()
    assert row.folder.name in told[0]
    assert "there is no task" in failures(board)


def test_a_copy_of_a_row_in_ones_own_leaderboard(result: Path, board: Path, tmp_path: Path) -> None:
    add(result, board)
    add(result, tmp_path / "own")
    (table,) = open_leaderboard([board, tmp_path / "own"], ranked=False).boards
    assert len(table.rows) == 1


def test_a_level_is_not_earned_by_ids_alone(board: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that cannot tell its labels does not get the level that says they are the data's."""
    path = write_random(tmp_path / "result", "itop_pose", data="ITOP side view")
    task, ids = get_task("itop_pose"), evidence_of("itop_pose", 1).sample_ids
    content = json.loads(path.read_text())
    opened = TaskData(
        dataset=cast("Any", ()),
        collate=lambda *_: pytest.fail("nothing is read"),
        name="ITOP side view",
        generated=True,
        split="test",
        split_sha256=content["task"]["split_sha256"],
        expected=ids,
        ids=ids,
        manifest_sha256=None,
    )
    monkeypatch.setattr(task, "open_data", lambda *_, **__: opened)
    monkeypatch.setattr(task, "label_evidence", lambda *_: None)
    stored, checklist = add_result(path, board, ANN, CheckInputs({"root": "x"}))
    assert as_row(stored).level.word == "evidence"
    assert [item.outcome for item in checklist.items if item.level == "labels"] == ["pass", "not applicable"]


def test_the_hash_of_nothing_is_not_a_way_in(result: Path, board: Path) -> None:
    edit_result(result, lambda content: content["evidence"][0].update(sha256=bytes_sha256(b"")))
    refused(result, board, "it is not the evidence of that result")
    edit_result(result, lambda content: content["task"].update(split_sha256=fingerprint(())))
    refused(result, board, "evidence")
    edit_result(result, lambda content: content.update(evidence=[]))
    refused(result, board, "the result has none")
