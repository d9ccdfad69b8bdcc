"""The commands of the leaderboard, as a user types them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from leaderboard_results import edit_result
from typer.testing import CliRunner

from hcmoco_bench.cli.app import app
from hcmoco_bench.leaderboard.folder import leaderboards_folder
from hcmoco_bench.leaderboard.rows.read import row_folders


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hcmoco_bench.cli.leaderboard.OWN", tmp_path / "own")
    monkeypatch.setattr("hcmoco_bench.cli.leaderboard.CACHE", tmp_path / "draws")


def run(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["leaderboard", *map(str, words)])
    assert done.exit_code == code or (code and done.exception is not None), done.output
    return done.output


def add(results: Path, name: str, board: Path, *more: object) -> str:
    told = json.loads(run("add", results / name / "result.json", "--board", board, "--by", "Ann", "--json", *more))
    return str(told["row"])


def test_two_results_are_added_compared_shown_and_written(results: Path, board: Path, parsing_store: Path) -> None:
    assert "good" in run("add", results / "good" / "result.json", "--board", board, "--by", "Ann")
    worse = add(results, "worse", board, "--store", parsing_store)
    told = run("verify", "--all", "--board", board)
    assert "2 of 2 rows verified" in told
    assert "labels rest on the record" in told
    compared = json.loads(run("compare", "good-", worse, "--board", board, "--draws", "100", "--json"))
    assert compared[0]["first"] == "good"
    assert compared[0]["difference"] > 0
    files = (results / name / "result.json" for name in ("good", "worse"))
    again = json.loads(run("compare", *files, "--draws", "100", "--json"))
    assert again[0]["difference"] == compared[0]["difference"]
    rows = json.loads(run("show", "--board", board, "--as", "json", "--draws", "100"))
    assert [row["name"] for row in rows] == ["good", "worse"]
    assert [row["level"] for row in rows] == ["evidence", "labels"]
    page = board.with_name("page")
    assert "index.html" in run("page", "--board", board, "--out", page, "--draws", "100")
    assert (page / "model" / f"{worse}.html").is_file()
    for form in ("hf", "eee", "croissant"):
        run("export", "--to", form, "--board", board, "--out", board.with_name(form))
        assert list(board.with_name(form).rglob("*.*"))


def test_a_refused_result_shows_its_checklist(results: Path, board: Path) -> None:
    path = results / "good" / "result.json"
    edit_result(path, lambda content: content["data"].update(n_expected=99))
    told = run("add", path, "--board", board, code=1)
    assert "fail" in told
    assert "a part is not compared" in " ".join(told.split())
    assert row_folders(board) == ()


def test_a_level_is_raised_and_recorded(results: Path, made: Path, board: Path, parsing_store: Path) -> None:
    row = add(results, "good", board)
    given = ("--board", board, "--store", parsing_store, "--predictions", made / "good-masks")
    assert json.loads(run("verify", row, *given, "--json"))["rows"][0]["level"] == "evidence"
    told = json.loads(run("verify", row, *given, "--record", "--by", "Bob", "--json"))["rows"][0]
    assert (told["level"], told["ok"]) == ("predictions", True)
    (shown,) = json.loads(run("show", "--board", board, "--as", "json"))
    assert (shown["level"], shown["party"], shown["by"]) == ("predictions", "third", "Bob")


def test_what_a_pull_request_adds_is_verified(results: Path, board: Path, tmp_path: Path) -> None:
    base = tmp_path / "base"
    shutil.copytree(leaderboards_folder(), base)
    shutil.copytree(base, board)
    add(results, "good", board)
    assert "2,925 figures of 13 published tables" in " ".join(
        run("verify", "--board", board, "--pull-request", base).split()
    )
    table = board / "published" / "hcmoco-table-01.toml"
    table.write_text(table.read_text().replace("57.27", "67.27"))
    told = run("verify", "--board", board, "--pull-request", base, code=1)
    assert "hcmoco-table-01.toml was changed" in " ".join(told.split())


def test_a_papers_table_is_filled_in_and_added(board: Path, tmp_path: Path) -> None:
    file = tmp_path / "smith2027-table-2.toml"
    run("template", "--task", "itop_pose", "--paper", "--out", file)
    text = file.read_text()
    assert run("template", "--task", "itop_pose", "--paper") == text
    run("add", file, "--board", board, code=1)  # nothing is filled in
    for empty, filled in (
        ('caption = ""', 'caption = "Accuracy on ITOP"'),
        ('data = ""', 'data = "ITOP side view"'),
        ("values = []", "values = [88.02]"),
        ('"author2026name"', '"hong2022hcmoco"'),
    ):
        assert empty in text
        text = text.replace(empty, filled)
    file.write_text(text)
    assert "1 figures" in run("add", file, "--board", board)
    (shown,) = json.loads(run("show", "--board", board, "--as", "json"))
    assert (shown["score"], shown["level"], shown["rank"]) == (88.02, "paper", "")
    run("add", file, "--board", board, code=2)


def test_a_submission_is_filled_in(results: Path, board: Path, tmp_path: Path) -> None:
    file = tmp_path / "submission.toml"
    run("template", "--task", "depth_parsing", "--out", file)
    path = results / "good" / "result.json"
    told = run("add", path, "--submission", file, "--board", board, code=1)
    assert not told or "by" in told
    file.write_text(file.read_text().replace('by = ""', 'by = "Ann"').replace("notes = []", 'notes = ["A note."]'))
    run("add", path, "--submission", file, "--board", board)
    (shown,) = json.loads(run("show", "--board", board, "--as", "json"))
    assert shown["by"] == "Ann"
    assert "A note." in shown["notes"]


def test_the_packaged_tables_are_shown_and_sound() -> None:
    assert "0 of 0 rows verified" in run("verify", "--all")
    told = run("show", "--task", "itop_pose", "--ratio", "0.001", "--bibtex", "-")
    assert "62.36" in told
    assert "@inproceedings{hong2022hcmoco," in told


@pytest.mark.parametrize(
    "words",
    [
        ("verify",),
        ("verify", "row", "--all"),
        ("verify", "nobody"),
        ("compare", "a"),
        ("show", "--task", "nothing"),
        ("export", "--to", "eee", "--benchmark", "a/b", "--out", "x"),
    ],
)
def test_wrong_usage(words: tuple[Any, ...]) -> None:
    run(*words, code=2)
